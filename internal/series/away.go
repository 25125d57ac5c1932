package series

import "errors"

// ErrAway says that the store's server does not answer at the moment, or not as it should.
// Nothing is lost by it: the log keeps what is not stored yet. A call may be made again.
var ErrAway = errors.New("the store of the time series does not answer")
