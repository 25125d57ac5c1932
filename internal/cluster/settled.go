package cluster

// settleSubject is where it is asked whether all is settled.
const settleSubject = "settle"

// Settled is what the store holds once all is settled.
type Settled struct {
	Readings   int64  `json:"readings"`
	Duplicates int64  `json:"duplicates"`
	Rollups    int64  `json:"rollups"`
	Episodes   int64  `json:"episodes"`
	Error      string `json:"error"`
}
