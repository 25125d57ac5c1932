// Package ledger is the oracle of the promise "acknowledged is stored, counted
// once, nudged once": whoever sends readings writes each one down that was
// acknowledged, on disk, before anything else happens, and in the end holds
// against it what sitwell gives back over its API.
//
// A Ledger is one file of frames, each with its length and checksum. Acked and
// Nudged return once the frame is on disk (callers that come together share one
// fsync); a torn frame at the end, of a sender that was killed, is cut off by
// Open. Check reads back, for each wearer that is in the ledger, what is stored,
// and compares
//
//   - the readings, by (device, boot, seq) and with their content,
//   - the episodes and minutes, with those of a pure run of the engine over the
//     acknowledged readings in order, without duplicates and without those that
//     are marked as having come too late,
//   - the nudges, of which none may have reached a device twice: each escalation of
//     the pure run that asks for one has a decision, and no other has.
//
// All methods may be called from any goroutine.
package ledger
