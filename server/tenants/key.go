// Keys: pqy_<id>_<secret>.

package tenants

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A key's parts. The id says which key it is, and is no secret; scanners of
// repositories know a key by
//
//	pqy_[a-z0-9]{4,32}_[A-Z2-7]{52}
const (
	keyPrefix  = "pqy_"
	idLength   = 12 // of new ones, 60 random bits: nobody keeps a list of those given out
	minID      = 4
	maxID      = 32
	secretSize = 52 // characters of base32, 260 random bits
	hashSize   = sha256.Size
)

// NewKey makes a key for a tenant, with the two parts of it that go into the file.
func NewKey() (key, id, sha256hex string) {
	id = strings.ToLower(rand.Text()[:idLength])
	secret := rand.Text() + rand.Text() // 26 characters of base32 each
	hash := hashSecret(secret)
	return keyPrefix + id + "_" + secret, id, hex.EncodeToString(hash[:])
}

// parseKey takes a key apart. Only what NewKey makes has the form of a key: a
// secret that somebody has thought up never works, whatever hash the file has.
func parseKey(key string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	if !ok || len(rest) > maxID+1+secretSize {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_") // neither part has one
	return id, secret, ok && validID(id) && validSecret(secret)
}

func validID(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(id) >= minID && len(id) <= maxID
}

func validSecret(secret string) bool {
	for i := range len(secret) {
		if c := secret[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(secret) == secretSize
}

// hashSecret is what the file knows of a secret. One fast hash is enough for 260
// random bits: slow ones protect what can be guessed.
func hashSecret(secret string) [hashSize]byte {
	var text [secretSize]byte
	copy(text[:], secret)
	return sha256.Sum256(text[:])
}
