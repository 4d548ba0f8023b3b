// How a rate changes while a run goes on.

package scenario

// Curve is the form of a rate.
type Curve string

// The curves that there are.
const (
	Flat Curve = "flat"
	Day  Curve = "day" // a day of a messaging platform, compressed into the run
)

// dayHours is what share of the mean rate each hour of a day has, as business messages
// do: two peaks, in the morning and in the evening, and quiet nights.
var dayHours = func() (hours [24]float64) {
	hours = [24]float64{.35, .25, .2, .2, .25, .4, .7, 1.1, 1.5, 1.75, 1.8, 1.7, 1.55, 1.5, 1.45, 1.45, 1.5, 1.6, 1.7, 1.55, 1.25, .95, .7, .5}
	sum := 0.0
	for _, h := range hours {
		sum += h
	}
	for i := range hours {
		hours[i] *= float64(len(hours)) / sum
	}
	return hours
}()

// At is the rate at a point of the run, from 0 to 1, as a multiple of its mean. Between
// the hours it is a straight line; beyond 1 the next day begins.
func (c Curve) At(point float64) float64 {
	if c != Day {
		return 1
	}
	hour := point * float64(len(dayHours))
	whole := int(hour)
	rest := hour - float64(whole)
	return dayHours[whole%len(dayHours)]*(1-rest) + dayHours[(whole+1)%len(dayHours)]*rest
}
