// Package office makes the summary that an occupational-health team sees of an
// organisation: figures of groups, never of a person, and never live.
//
// It reads per-wearer sums of rollups, day by day, and publishes of them only
//
//   - groups of at least K people: teams with fewer are pooled with the
//     next-smallest ones into one named group, the same way each time;
//   - windows that are over: ISO weeks with at least K contributors, days of the
//     whole organisation with at least DayK, both in the organisation's zone;
//   - the mean over people of each person's own mean, clamped, so that a day
//     more or an outlier does not weigh more than a person; rounded;
//   - how many contributed as a band.
//
// What is not published looks the same whether nobody contributed or nearly
// enough did. Where the people outside the published groups would be fewer than
// K, the smallest published group is withheld as well: the office's own figure
// less those of the groups must not tell of fewer than K.
//
// A contributor of a day is a wearer with at least an hour of worn time in it and
// some judged posture, of a week one with such a day: one and the same people
// stand behind every figure of a window.
//
// These rules are not all there is to office privacy. Consent of the organisation
// and of each wearer, rosters frozen by calendar month, working hours, and
// suppression that looks across windows, so that one person's coming or going
// cannot be seen in time, are work of their own and not here yet: until they are,
// the summary belongs on the operator's machine.
//
// An Office is safe for concurrent use. Days are kept in memory for a while: they
// are over and seldom change, when a device brings a buffer late.
package office
