package sqlite

import (
	"sitwell/internal/series"
	"sitwell/schemas"
)

// The bounds of what is remembered between appends; what is not is read again.
const (
	maxNames      = 1 << 17  // wearers, and runs, and who has worn which: about 15 MB each
	maxSeenMemory = 16 << 20 // bytes of sets of sequence numbers, in each of two generations
	blockOverhead = 200      // bytes of a set beside its spans, about
)

type wearerName struct{ org, wearer schemas.ID }

type runName struct {
	org, device schemas.ID
	boot        uint32
}

// Numbers are those of a file.
type (
	wearerKey struct {
		file fileKey
		wearerName
	}
	runKey struct {
		file fileKey
		runName
	}
	wornKey struct {
		file        fileKey
		wearer, run int64
	}
)

// blockKey names the block of a run in the file of a day.
type blockKey struct {
	day int64
	runName
	block uint64
}

func (k blockKey) file() fileKey { return fileKey{series.Raw, k.day} }

// known is what changes remember of the files. They change it as they go; it
// is forgotten when one fails and when another connection has written, so that
// it is never ahead of the disk.
type known struct {
	version    int64             // the index's data_version
	identities map[fileKey]int64 // of the files that the rest is of
	wearers    map[wearerKey]int64
	runs       map[runKey]int64
	worn       map[wornKey]bool
	tombs      *tombs
	// Sets in two generations: what is used moves to the young one, and when
	// that is full, the old one goes.
	young, old map[blockKey]spans
	weight     int // of young, in bytes
}

func newKnown() known {
	return known{
		identities: map[fileKey]int64{},
		wearers:    map[wearerKey]int64{}, runs: map[runKey]int64{}, worn: map[wornKey]bool{},
		young: map[blockKey]spans{}, old: map[blockKey]spans{},
	}
}

func (k *known) block(key blockKey) (spans, bool) {
	if set, ok := k.young[key]; ok {
		return set, true
	}
	set, ok := k.old[key]
	return set, ok
}

func (k *known) setBlock(key blockKey, set spans) {
	if before, ok := k.young[key]; ok {
		k.weight -= blockOverhead + 4*cap(before)
	}
	if k.weight > maxSeenMemory {
		k.old, k.young, k.weight = k.young, map[blockKey]spans{}, 0
	}
	k.young[key] = set
	k.weight += blockOverhead + 4*cap(set)
}

// trim forgets all names when they are too many.
func (k *known) trim() {
	if len(k.wearers) > maxNames {
		clear(k.wearers)
	}
	if len(k.runs) > maxNames {
		clear(k.runs)
	}
	if len(k.worn) > maxNames {
		clear(k.worn)
	}
}
