// Package office makes what an occupational-health team sees of an organisation:
// figures of groups, never of a person, and never live.
//
// It has two halves that meet in the store alone. A Maker, in the process that
// records, makes the figures of each window that is over from per-wearer sums of
// rollups and stores them. An Office shows what is stored and cannot do more: it
// needs to read aggregates and nothing that is of a person.
//
// Of the sums the Maker stores only
//
//   - groups of at least K people: teams with fewer are pooled with the
//     next-smallest ones into one named group, the same way each time;
//   - windows that are over: ISO weeks of the organisation and its groups with at
//     least K contributors, days of the whole organisation with at least DayK, the
//     hours of a week of the whole organisation by calendar month with at least
//     HourK, all in the organisation's zone;
//   - the mean over people of each person's own mean, clamped, so that a day
//     more or an outlier does not weigh more than a person; rounded;
//   - how many contributed as a band.
//
// What is not published looks the same whether nobody contributed or nearly
// enough did. Where the people outside the published groups would be fewer than
// K, the smallest published group is withheld as well: the office's own figure
// less those of the groups must not tell of fewer than K.
//
// A contributor of a day is a wearer of the organisation with at least an hour of worn
// time in it and some judged posture, of a week one with such a day, of an hour of
// the week one with half of such an hour worn: one and the same people stand behind
// every figure of a window.
//
// # When figures are made
//
// A window is made once it is over and nothing of it has come for a moment, again each
// hour until 72 hours after its end, since devices bring their buffers late, and is then
// left as it is. The hours of a week are made again each day: a month of them is read
// hour by hour. While only what is past comes of an organisation, nothing is made for it: a
// log is caught up with or a history loaded, and its days are there by half.
//
// Windows that ended up to 125 days ago and were not made are made as well, so that a
// store which was filled from elsewhere gets its figures. Should a window have no
// figures, and something of it come, it is made again at any time. What changes the past in
// another way, judging it again or an erasure, changes no figure that is left.
//
// How far the work is stands in the store, in the aggregates' own times. After a
// restart, or while the store does not answer, nothing is lost and little is kept in
// memory: one window of one organisation is made at a time.
//
// # What is not here yet
//
// These rules are not all there is to office privacy. Consent of the organisation
// and of each wearer, rosters frozen by calendar month (their place is rosterOf),
// working hours, and suppression that looks across windows and at what was published
// before (its place is Maker.make), so that one person's coming or going cannot be
// seen in time, are work of their own: until they are there, the summary belongs on
// the operator's machine.
//
// An Office is safe for concurrent use. Of a Maker, Run is called once; Saw may be
// called from anywhere.
package office
