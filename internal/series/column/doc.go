// Package column packs the readings and events of one wearer and hour in columns.
//
// Packer.Append makes the bytes, Reader gives back exactly what went in, run by run,
// each by time and then sequence. It knows nothing of files, wearers or clocks.
//
//	hour   = version checksum run...
//	run    = number readings length bits events
//	bits   = group...                       of 128 readings, the last one of fewer
//	group  = flags seq time column...       a column where a reading of the group has its flag
//
// version is one byte; checksum is CRC-32C of what follows it, 4 bytes, the lowest first.
// Numbers outside the bits are varints; events are what schemas.AppendItems makes of them. Each column of a
// group is a block: its values, or the differences from one to the next, whichever is
// shorter, less a base that they lie around, folded so that small ones of
// both signs are small, and then Rice codes of one parameter, chosen for the block. A device that
// measures at even times costs nothing for the time, one that counts nothing for the
// count. Flags are runs of readings that have the same ones.
//
// A Packer and a Reader use their memory again, and each serves one goroutine at a time.
// Tests turn everything there and back, bytes that nobody packed included (fuzz).
package column
