package vfs

// This file says which file systems don't keep what they confirm.

// Caution says why a file system of this kind (see [Kind]) is a poor place for
// data that must survive power loss or the loss of a container; it is empty for
// the others. It is a reason to warn, not to refuse: tests and demos run there.
func Caution(kind string) string {
	switch kind {
	case "tmpfs", "ramfs":
		return "it is memory: nothing survives a restart of the machine"
	case "overlayfs":
		return "it is a container's own layer, which is deleted with the container: mount a volume"
	case "nfs", "smb":
		return "it is a network file system, whose locks and syncs are only as good as its server and mount options"
	case "fuse":
		return "it is a user-space file system, which may confirm a sync without doing it"
	}
	return ""
}
