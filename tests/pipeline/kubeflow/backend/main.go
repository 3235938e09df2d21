// Compile a package as the API server of Kubeflow Pipelines does, and print the resulting Argo
// Workflow.
package main

import (
	"fmt"
	"os"

	"github.com/kubeflow/pipelines/backend/src/apiserver/config/proxy"
	"github.com/kubeflow/pipelines/backend/src/apiserver/model"
	"github.com/kubeflow/pipelines/backend/src/apiserver/template"
)

func main() {
	proxy.InitializeConfigWithEmptyForTests()
	workflow, err := compile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(workflow)
}

func compile(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	spec, err := template.NewV2SpecTemplate(content, template.TemplateOptions{})
	if err != nil {
		return "", err
	}
	workflow, err := spec.RunWorkflow(&model.Run{}, template.RunWorkflowOptions{RunID: "some-run", RunAt: 1})
	if err != nil {
		return "", err
	}
	return workflow.ToStringForStore(), nil
}
