//! The simulator's responses against the vendor's `OpenAPI` document, where it
//! lies beside the checkout; it is not part of this project.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// In the folder that holds the checkout, or in one above it.
const DOCUMENT: &str = "shared/amperity-api/openapi-2024-04-01.json";

/// As much of JSON Schema as the document uses.
struct Schemas(Value);

impl Schemas {
    fn read() -> Option<Self> {
        let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(3);
        let text = folders.find_map(|folder| std::fs::read(folder.join(DOCUMENT)).ok())?;
        Some(Self(serde_json::from_slice(&text).unwrap()))
    }

    /// The schema of a response to `GET path`.
    fn response(&self, path: &str, status: u16) -> &Value {
        let responses = &self.0["paths"][path]["get"]["responses"];
        let response = self.resolved(&responses[status.to_string()]);
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path} has no response {status}");
        schema
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let found = self.0.pointer(reference.trim_start_matches('#'));
                self.resolved(found.unwrap_or_else(|| panic!("{reference}")))
            }
            None => schema,
        }
    }

    fn check(&self, schema: &Value, value: &Value, place: &str) {
        let schema = self.resolved(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value, place);
        }
        let matches = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some(other) => panic!("{place}: a type {other} is not supported"),
            None => true,
        };
        assert!(matches, "{place}: {value} is no {}", schema["type"]);
        if schema["format"] == "date-time" {
            let time = value.as_str().unwrap().parse::<Timestamp>();
            assert!(time.is_ok(), "{place}: {value}");
        }
        if let Some(allowed) = schema["enum"].as_array() {
            assert!(allowed.contains(value), "{place}: {value}");
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.check(&schema["items"], item, &format!("{place}[{index}]"));
        }
        self.check_properties(schema, value, place);
    }

    fn check_properties(&self, schema: &Value, value: &Value, place: &str) {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            assert!(value.get(name).is_some(), "{place}: {name} is missing");
        }
        if schema["type"] != "object" {
            return;
        }
        let properties = schema["properties"].as_object().unwrap();
        for (name, value) in value.as_object().unwrap() {
            let place = format!("{place}.{name}");
            match properties.get(name) {
                Some(schema) => self.check(schema, value, &place),
                // A field that the schema does not have is a mistake of ours.
                None => panic!("{place} is not documented"),
            }
        }
    }
}

/// The exporter's tests read them.
#[test]
fn fixtures_have_every_field_of_the_vendors_document() {
    let Some(schemas) = Schemas::read() else {
        return;
    };
    let fixture = |name: &str| -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let (list, run) = (
        fixture("example-workflow-runs.json"),
        fixture("example-workflow-run.json"),
    );
    let path = "/workflow/runs";
    schemas.check(schemas.response(path, 200), &list, path);
    let path = "/workflow/runs/{workflow-id}";
    schemas.check(schemas.response(path, 200), &run, path);
    for (name, value) in [
        ("WorkflowList", &list),
        ("Workflow", &run),
        ("WorkflowError", &run["error"]),
        ("WorkflowTaskInstance", &run["task_instances"][0]),
    ] {
        let properties = &schemas.0["components"]["schemas"][name]["properties"];
        for property in properties.as_object().unwrap().keys() {
            assert!(value.get(property).is_some(), "{name}: no {property}");
        }
    }
}

/// Responses to valid and invalid requests, in all states of a run.
#[tokio::test(start_paused = true)]
async fn responses_match_the_vendors_document() {
    let Some(schemas) = Schemas::read() else {
        return;
    };
    let simulator = simulator(World::demo(1, start()));
    simulator.set(|options| options.requests_per_second = usize::MAX);
    let check = |path: &str, target: &str| {
        let (status, mut body) = ask(&simulator, &authorized(&simulator, target));
        if status != 200 {
            // In the vendor's prose, but not in the schema.
            let error = body.as_object_mut().unwrap();
            assert!(error.remove("request_id").is_some() && error.remove("trace_id").is_some());
        }
        schemas.check(schemas.response(path, status.as_u16()), &body, target);
        body
    };
    let mut states = BTreeSet::new();
    let mut errors = 0;
    for _ in 0..120 {
        tokio::time::advance(Duration::from_secs(6)).await;
        let list = check(
            "/workflow/runs",
            "/workflow/runs?created_from=2024-07-01T12&with_total=true",
        );
        for run in list["data"].as_array().unwrap() {
            states.insert(run["state"].as_str().unwrap().to_owned());
            errors += usize::from(run.get("error").is_some());
            let id = run["id"].as_str().unwrap();
            for view in ["overview", "verbose"] {
                let target = format!("/workflow/runs/{id}?view={view}");
                check("/workflow/runs/{workflow-id}", &target);
            }
        }
    }
    assert!(errors > 0);
    let all = [
        "canceled",
        "failed",
        "in_progress",
        "started",
        "stopped",
        "stopping",
        "succeeded",
    ];
    assert_eq!(states, all.map(str::to_owned).into());

    check("/workflow/runs", "/workflow/runs?limit=2");
    check("/workflow/runs", "/workflow/runs?limit=none");
    check("/workflow/runs/{workflow-id}", "/workflow/runs/wf-none");
    check(
        "/ingest/jobs",
        "/ingest/jobs?created_from=2024-07-01T11&created_to=2024-07-01T11:55",
    );
    check("/ingest/jobs", "/ingest/jobs");
    check("/ingest/jobs/{job-id}", "/ingest/jobs/isj-none");
    assert!(simulator.set_workflow_policy("socktown", false));
    check("/workflow/runs", "/workflow/runs");
    simulator.revoke_tokens("socktown");
    check("/workflow/runs", "/workflow/runs");
}
