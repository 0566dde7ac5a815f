//go:build race

package hostile

// underRace: a process needs several times the memory then.
const underRace = true
