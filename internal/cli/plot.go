package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	plotWidth  = 64 // columns
	plotHeight = 6  // rows of eight steps each
)

// dot is a value at a time.
type dot struct {
	at    time.Time
	value float64
}

// plot draws a curve of degrees in the terminal: columns filled from the bottom,
// a gap where nothing is known.
func plot(out io.Writer, dots []dot, zone *time.Location) error {
	if len(dots) < 2 {
		return nil
	}
	from, to := dots[0].at, dots[len(dots)-1].at
	means, least, most := columnsOf(dots, from, to)
	floor, top := math.Floor(least/5)*5, math.Ceil(most/5)*5
	if top <= floor {
		top = floor + 5
	}
	for row := plotHeight - 1; row >= 0; row-- {
		label := ""
		switch row {
		case plotHeight - 1:
			label = fmt.Sprintf("%.0f°", top)
		case 0:
			label = fmt.Sprintf("%.0f°", floor)
		}
		if _, err := fmt.Fprintf(out, "%5s │%s\n", label, plotRow(means, row, floor, top)); err != nil {
			return err
		}
	}
	begin, end := from.In(zone).Format("15:04:05"), to.In(zone).Format("15:04:05")
	space := strings.Repeat(" ", max(1, plotWidth-utf8.RuneCountInString(begin+end)))
	_, err := fmt.Fprintf(out, "%5s └%s\n%7s%s%s%s\n", "", strings.Repeat("─", plotWidth), "", begin, space, end)
	return err
}

// columnsOf is the mean of each column's values, not a number where there is none,
// and the bounds of the means, which include zero.
func columnsOf(dots []dot, from, to time.Time) (means []float64, least, most float64) {
	means = make([]float64, plotWidth)
	var counts [plotWidth]int
	for _, d := range dots {
		i := min(plotWidth-1, int(float64(plotWidth)*float64(d.at.Sub(from))/float64(max(1, to.Sub(from)))))
		means[i] += d.value
		counts[i]++
	}
	reach, last, empty := lasts(dots, from, to), math.NaN(), 0
	for i := range means {
		switch {
		case counts[i] > 0:
			means[i] /= float64(counts[i])
			least, most = min(least, means[i]), max(most, means[i])
			last, empty = means[i], 0
		case empty < reach:
			means[i] = last
			empty++
		default:
			means[i] = math.NaN()
		}
	}
	return means, least, most
}

// lasts is for how many empty columns a value holds: where readings are further
// apart than columns, until the next one mostly comes.
func lasts(dots []dot, from, to time.Time) int {
	gaps := make([]time.Duration, 0, len(dots))
	for i := range dots[1:] {
		gaps = append(gaps, dots[i+1].at.Sub(dots[i].at))
	}
	slices.Sort(gaps)
	column := max(1, to.Sub(from)/plotWidth)
	return int((gaps[len(gaps)/2] + column - 1) / column)
}

func plotRow(means []float64, row int, floor, top float64) string {
	const blocks = " ▁▂▃▄▅▆▇█"
	steps := []rune(blocks)
	var b strings.Builder
	for _, v := range means {
		if math.IsNaN(v) {
			b.WriteByte(' ')
			continue
		}
		height := max(1, int(math.Round((v-floor)/(top-floor)*plotHeight*8)))
		b.WriteRune(steps[min(8, max(0, height-8*row))])
	}
	return strings.TrimRight(b.String(), " ")
}
