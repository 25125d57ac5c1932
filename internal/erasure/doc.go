// Package erasure removes all that sitwell knows of a wearer, and says in a certificate
// what was removed, and what goes by itself when.
//
// Erase, in this order, so that nothing comes back while it works and each step may be
// repeated after a crash:
//
//  1. The registry marks the wearer as leaving. From then on no ingest takes anything
//     for them, of whatever time; what their devices send is refused as of nobody.
//  2. What was taken before is let through: judged and stored.
//  3. The store removes all of it, and for good drops what the log may still bring of
//     before a time a little ahead. A query says that nothing is left.
//  4. The log loses the wearer's findings, nudges and answers, and what of their
//     devices was refused; the notifier's notes of them and parameters of their own go.
//  5. The registry forgets who wore which device, and the wearer.
//
// What has a message of its own in a stream is overwritten in the log's files. Of entries of
// buckets, which the server lets nobody overwrite, bytes stay until it rewrites the file.
// What is packed with others', readings and minutes in the log, cannot be picked out.
// It ages out, which the certificate says, and no store takes it any more. Office
// aggregates stay: nobody can be told from others in them.
//
// The process with the recorder serves it (Serve); Ask asks it, from anywhere on the
// log. One erasure runs at a time; another that comes meanwhile is refused and may be
// asked for again. A wearer of the same id who is registered afterwards is somebody new; until
// Certificate.Before has passed the registry refuses them, since what their devices send would be dropped.
//
// The tests run on a real server and a real store.
package erasure
