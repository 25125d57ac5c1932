package sqlite

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"sitwell/schemas"
)

// packedFinding is the first byte of a packed finding: what follows is its JSON,
// deflated (RFC 1951) behind the dictionary below.
const packedFinding = 1

// maxFinding bounds what a packed finding may grow to, in bytes: the log takes no
// message as large.
const maxFinding = 16 << 20

// findingWords is what the findings of this build have in common. It is part of the
// layout of a file: a byte changed in it makes stored findings unreadable, so other
// words need another first byte. Findings that look otherwise are packed less well.
const findingWords = `"limits":{"bends_per_minute":"","hydration_every":"2h0m0s","battery_low":"15","lean_deg":"10","lean_far_deg":"20","lean_far_for":"1m0s","lean_for":"5m0s",` +
	`"shift_deg":"10","still_for":"20m0s","load_break":"0.8","load_clear":"0.3","load_nudge":"0.5","sitting_break":"50m0s","sitting_prompt":"30m0s","sitting_soft":"20m0s",` +
	`"outcome":"unknown","outcome":"standing","outcome":"break","outcome":"moved","outcome":"recovered","end":"-raised3","step":"raised","-risen2","step":"risen",` +
	`"rule":"calibration","rule":"battery","rule":"offline","rule":"hydration","rule":"bending","rule":"sudden_movement","rule":"lean","rule":"immobility","rule":"hold","rule":"load",` +
	`"rule":"sitting","cause":"left","cause":"right","severity":"severe","calibration":{"pose":"standing","upright_mg":[0,990,0]},` +
	`{"schema":"sitwell.finding.v1","id":"-closed","step":"closed","-escalated2","step":"escalated","level":2,"-opened1","episode":"","org":"","wearer":"","device":"","rule":"slouch","step":"opened","level":1,` +
	`"start":"2026-11-0T09:00:00.5Z","time":"2026-","seconds":30,"flexion_deg":17.,"severity":"moderate","severity":"mild","boot":,"seq":,` +
	`"receipt":{"engine":2,"rule":"R1","version":1,"parameters":"default","limits":{"curve_clear_deg":"15","curve_deg":"20","slouch_clear":"5s","slouch_deg":"15","slouch_nudge":"2m0s","slouch_open":"30s","upright_deg":"10"},` +
	`"values":{"dwell_s":,"flexion_deg":,"load":0.},"from":{"device":"","boot":,"seq":,"time":"2026-"},"to":{"device":"","boot":,"seq":,"time":"2026-"},` +
	`"calibration":{"pose":"seated","upright_mg":[0,990,0]},"state":"`

// packer packs findings. It is for one goroutine at a time, and its memory is used again.
type packer struct {
	out     bytes.Buffer
	deflate *flate.Writer
}

// finding is a finding packed, in memory of its own.
func (p *packer) finding(f *schemas.Finding) ([]byte, error) {
	text, err := f.Encode()
	if err != nil {
		return nil, err
	}
	p.out.Reset()
	p.out.WriteByte(packedFinding)
	if p.deflate == nil {
		if p.deflate, err = flate.NewWriterDict(&p.out, flate.DefaultCompression, []byte(findingWords)); err != nil {
			return nil, fmt.Errorf("pack finding: %w", err)
		}
	} else {
		p.deflate.Reset(&p.out)
	}
	if _, err := p.deflate.Write(text); err != nil {
		return nil, fmt.Errorf("pack finding: %w", err)
	}
	if err := p.deflate.Close(); err != nil {
		return nil, fmt.Errorf("pack finding: %w", err)
	}
	return bytes.Clone(p.out.Bytes()), nil
}

var errPacked = errors.New("damaged finding, or one of another layout")

// unpackFinding reads what packer.finding made.
func unpackFinding(b []byte) (f schemas.Finding, err error) {
	if len(b) == 0 || b[0] != packedFinding {
		return f, errPacked
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(bytes.NewReader(b[1:]), []byte(findingWords)), maxFinding))
	if err != nil {
		return f, fmt.Errorf("%w: %w", errPacked, err)
	}
	return schemas.DecodeFinding(text)
}
