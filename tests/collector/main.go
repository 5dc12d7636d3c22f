// The Prometheus receiver of the OpenTelemetry Collector, without the rest of the
// Collector. It scrapes ADDRESS every second and prints each series it receives as a
// line of JSON, and an empty line after each scrape:
//
//	collector ADDRESS
//
// tests/peers.sh builds it for tests/it/peers/scrapers.rs.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	metrics "go.opentelemetry.io/otel/metric/noop"
	traces "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// A line of the output. JSON has no number for infinity, so the value is a string.
type series struct {
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"`
}

type host struct{}

func (host) GetExtensions() map[component.ID]component.Component { return nil }

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: collector ADDRESS")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(address string) error {
	factory := prometheusreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	scrape := map[string]any{
		"job_name":        "collector",
		"scrape_interval": "1s",
		"scrape_timeout":  "1s",
		"static_configs":  []any{map[string]any{"targets": []any{address}}},
	}
	given := map[string]any{"config": map[string]any{"scrape_configs": []any{scrape}}}
	if err := confmap.NewFromStringMap(given).Unmarshal(config); err != nil {
		return err
	}
	logger, err := zap.NewProduction()
	if err != nil {
		return err
	}
	settings := receiver.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger:         logger,
			TracerProvider: traces.NewTracerProvider(),
			MeterProvider:  metrics.NewMeterProvider(),
			Resource:       pcommon.NewResource(),
		},
	}
	printer, err := consumer.NewMetrics(print)
	if err != nil {
		return err
	}
	scraper, err := factory.CreateMetrics(context.Background(), settings, config, printer)
	if err != nil {
		return err
	}
	if err := scraper.Start(context.Background(), host{}); err != nil {
		return err
	}
	select {}
}

func print(_ context.Context, received pmetric.Metrics) error {
	output := json.NewEncoder(os.Stdout)
	write := func(name string, labels map[string]string, value float64) {
		labels["__name__"] = name
		output.Encode(series{labels, strconv.FormatFloat(value, 'g', -1, 64)})
	}
	for _, resource := range received.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				switch metric.Type() {
				case pmetric.MetricTypeGauge:
					printNumbers(metric.Name(), metric.Gauge().DataPoints(), write)
				case pmetric.MetricTypeSum:
					printNumbers(metric.Name(), metric.Sum().DataPoints(), write)
				case pmetric.MetricTypeSummary:
					for _, point := range metric.Summary().DataPoints().All() {
						attributes := point.Attributes()
						write(metric.Name()+"_count", labelsOf(attributes), float64(point.Count()))
						write(metric.Name()+"_sum", labelsOf(attributes), point.Sum())
					}
				case pmetric.MetricTypeHistogram:
					for _, point := range metric.Histogram().DataPoints().All() {
						printHistogram(metric.Name(), point, write)
					}
				default:
					log.Fatalf("%s has the type %s", metric.Name(), metric.Type())
				}
			}
		}
	}
	_, err := os.Stdout.WriteString("\n")
	return err
}

type writing func(string, map[string]string, float64)

func labelsOf(attributes pcommon.Map) map[string]string {
	labels := map[string]string{}
	for name, value := range attributes.All() {
		labels[name] = value.AsString()
	}
	return labels
}

func printNumbers(name string, points pmetric.NumberDataPointSlice, write writing) {
	for _, point := range points.All() {
		value := point.DoubleValue()
		if point.ValueType() == pmetric.NumberDataPointValueTypeInt {
			value = float64(point.IntValue())
		}
		write(name, labelsOf(point.Attributes()), value)
	}
}

// As Prometheus stores classic histograms.
func printHistogram(name string, point pmetric.HistogramDataPoint, write writing) {
	write(name+"_count", labelsOf(point.Attributes()), float64(point.Count()))
	write(name+"_sum", labelsOf(point.Attributes()), point.Sum())
	counts, bounds := point.BucketCounts(), point.ExplicitBounds()
	total := uint64(0)
	for index, count := range counts.All() {
		total += count
		bound := "+Inf"
		if index < bounds.Len() {
			bound = strconv.FormatFloat(bounds.At(index), 'g', -1, 64)
			if !strings.ContainsAny(bound, ".e") {
				bound += ".0"
			}
		}
		labels := labelsOf(point.Attributes())
		labels["le"] = bound
		write(name+"_bucket", labels, float64(total))
	}
}
