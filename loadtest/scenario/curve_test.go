package scenario

import (
	"math"
	"testing"
)

// However a rate changes, its mean is what was asked for.
func TestCurveMean(t *testing.T) {
	for _, c := range []Curve{Flat, Day} {
		const steps = 10000
		sum := 0.0
		for i := range steps {
			sum += c.At(float64(i) / steps)
		}
		if math.Abs(sum/steps-1) > 0.001 {
			t.Errorf("the mean of %s is %v", c, sum/steps)
		}
	}
	if Day.At(10./24) < 4*Day.At(3./24) {
		t.Error("the night is as busy as the morning")
	}
}
