//go:build faults

package faults

import (
	"sitwell/internal/bus"
	"sitwell/internal/lease"
)

// leaseGroup is the name under which the detectors share the partitions.
const leaseGroup = "detect"

// owned is how many partitions each detector that is there owns.
func (p *place) owned() []int {
	p.t.Helper()
	ctx, log := p.t.Context(), p.log()
	members, err := log.KV(ctx, bus.BucketMembers)
	must(p.t, err)
	leases, err := log.KV(ctx, bus.BucketLeases)
	must(p.t, err)
	table, err := lease.Read(ctx, members, leases, leaseGroup, log.Partitions())
	must(p.t, err)
	counts := map[string]int{}
	for _, m := range table.Members {
		counts[m.Name] = 0
	}
	for _, owner := range table.Owners {
		if owner != "" {
			counts[owner]++
		}
	}
	list := make([]int, 0, len(counts))
	for _, n := range counts {
		list = append(list, n)
	}
	return list
}
