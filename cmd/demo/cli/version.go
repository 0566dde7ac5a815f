package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

const shownRevision = 12 // digits of a commit

// version returns the line that --version prints: the name of the command, and the module's version and commit as far
// as the build records them.
func version(name string, info *debug.BuildInfo, known bool) string {
	if !known {
		return fmt.Sprintf("%s of github.com/troupe-go/troupe, version unknown, %s %s/%s\n", name, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	text := name + " of " + cmp.Or(info.Main.Path, "github.com/troupe-go/troupe") + " " + cmp.Or(info.Main.Version, "(devel)")
	if revision := settings["vcs.revision"]; revision != "" {
		text += ", commit " + revision[:min(shownRevision, len(revision))]
		if settings["vcs.modified"] == "true" {
			text += " with local changes"
		}
	}
	return text + fmt.Sprintf(", %s %s/%s\n", info.GoVersion, cmp.Or(settings["GOOS"], runtime.GOOS), cmp.Or(settings["GOARCH"], runtime.GOARCH))
}

// moduleVersion returns the version of troupe that the program was built from, or "" if it is not a release.
func moduleVersion(info *debug.BuildInfo, known bool) string {
	if !known || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}
