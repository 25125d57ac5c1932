package schemas

import "testing"

func TestRollupsKeepTheirNames(t *testing.T) {
	want := Rollup{Org: MustID("acme"), Wearer: MustID("w1"), Minute: 3, Sitting: 1, Breaks: 2}
	b, err := EncodeRollups([]Rollup{want})
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRollups(b)
	if err != nil || len(got) != 1 || got[0] != want {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
}
