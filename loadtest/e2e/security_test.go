package e2e

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parquay/loadtest/e2e/process"
)

// threats are those that docs/security.md must have an answer to.
var threats = []string{
	"stolen credential file", "tenant as path", "open by accident", "decompression bomb", "hostile JSON", "slow clients", "memory (I6)",
	"metric cardinality", "log injection, secrets in logs", "admin surface", "configuration outage", "supply chain",
}

// TestSecurityPage checks that every row of docs/security.md names tests, and that
// they exist.
func TestSecurityPage(t *testing.T) {
	t.Parallel()
	root, page := securityPage(t)
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \| ((?:`+"`[^`]+`"+` ?)+) \|$`).FindAllStringSubmatch(page, -1)
	named := map[string]bool{}
	for _, row := range rows {
		named[row[1]] = true
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[2], -1) {
			if !testExists(t, root, name[1]) {
				t.Errorf("%s: there is no test %s", row[1], name[1])
			}
		}
	}
	for _, threat := range threats {
		if !named[threat] {
			t.Errorf("no tests against %q", threat)
		}
	}
	if lines := strings.Count(section(page, "## Threats and controls"), "\n| "); lines != len(rows)+1 {
		t.Errorf("%d rows of %d name tests", len(rows), lines-1)
	}
}

func securityPage(t *testing.T) (root, page string) {
	t.Helper()
	root, err := process.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	return root, string(text)
}

// section is a heading of a page and what stands below it.
func section(page, heading string) string {
	_, rest, _ := strings.Cut(page, heading+"\n")
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// testExists looks for package.TestName, or for a script of cmd/parquay.
func testExists(t *testing.T, root, name string) bool {
	t.Helper()
	if strings.HasSuffix(name, ".txtar") {
		_, err := os.Stat(filepath.Join(root, "cmd", "parquay", "testdata", "script", name))
		return err == nil
	}
	folder, function, _ := strings.Cut(name, ".")
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+function+"(") {
			return true
		}
	}
	return false
}

// TestSupplyChain checks that docs/security.md names every direct dependency, that
// the binary is static, and that the image runs it as nobody in particular.
func TestSupplyChain(t *testing.T) {
	t.Parallel()
	root, page := securityPage(t)
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "parquay")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/parquay") // as the Makefile and the image do
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	named := section(page, "## Dependencies")
	for _, dependency := range info.Deps {
		direct := strings.Contains(string(module), "\t"+dependency.Path+" "+dependency.Version+"\n")
		name := strings.TrimPrefix(dependency.Path, "github.com/aws/aws-sdk-go-v2/") // which is named once, with its parts
		if direct && !strings.Contains(named, "`"+name+"`") {
			t.Errorf("docs/security.md does not name the dependency %s", dependency.Path)
		}
	}

	file, err := elf.Open(binary)
	if err != nil {
		t.Skipf("not an ELF binary: %v", err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has %v: it is not static", p.Type)
		}
	}

	image, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	last := image[strings.LastIndex(string(image), "\nFROM "):]
	for _, line := range []string{"\nFROM gcr.io/distroless/static-", "\nUSER nonroot:nonroot\n"} {
		if !strings.Contains(string(last), line) {
			t.Errorf("the image's last stage has no line %q", strings.TrimSpace(line))
		}
	}
}
