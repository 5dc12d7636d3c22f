// Reads Kubernetes manifests from standard input as the API server's types do,
// and fails on anything these do not know: kinds, fields, values of another type.
// Knows the types of Kubernetes and of Prometheus Operator.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringalpha "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	count, err := check(os.Stdin)
	if err == nil && count == 0 {
		err = errors.New("no manifests")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(count)
}

func check(input io.Reader) (int, error) {
	types := scheme.Scheme
	for _, add := range []func() error{
		func() error { return monitoring.AddToScheme(types) },
		func() error { return monitoringalpha.AddToScheme(types) },
	} {
		if err := add(); err != nil {
			return 0, err
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, types, types,
		json.SerializerOptions{Yaml: true, Strict: true})
	documents := yaml.NewYAMLReader(bufio.NewReader(input))
	count := 0
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		if onlyComments(document) {
			continue
		}
		object, kind, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return count, fmt.Errorf("%w\n%s", err, document)
		}
		access, err := meta.Accessor(object)
		if err != nil {
			return count, err
		}
		if problems := validation.IsDNS1123Label(access.GetName()); problems != nil {
			return count, fmt.Errorf("%s %s: %v", kind.Kind, access.GetName(), problems)
		}
		for key, value := range access.GetLabels() {
			problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...)
			if problems != nil {
				return count, fmt.Errorf("%s %s: label %s=%s: %v", kind.Kind, access.GetName(), key, value, problems)
			}
		}
		count++
	}
}

func onlyComments(document []byte) bool {
	for _, line := range bytes.Split(document, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}
