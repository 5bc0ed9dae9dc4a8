// SPDX-License-Identifier: MIT OR Apache-2.0
//! The conformance table: complete, and naming tests that exist.

use std::collections::BTreeSet;
use std::fs::read_to_string;

fn read(path: &str) -> String {
    read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The functions marked as tests in a file, those inside `proptest!` too.
fn tests(path: &str) -> Vec<String> {
    let text = read(path);
    let marked = text.split("#[test]").skip(1);
    marked.map(|rest| rest.split("fn ").nth(1).unwrap().split('(').next().unwrap().to_owned()).collect()
}

#[test]
fn every_normative_statement_names_tests_that_exist() {
    let files = [
        "tests/mqtt_flows.rs",
        "tests/mqtt_session.rs",
        "tests/mqtt_connection.rs",
        "src/mqtt/wire/tests.rs",
        "src/mqtt/wire/sink.rs",
        "src/mqtt/topic.rs",
    ];
    let known: BTreeSet<String> = files.into_iter().flat_map(tests).collect();
    let mut listed = BTreeSet::new();
    let mut shown = 0;
    for line in read("tests/mqtt_conformance.md").lines().filter(|line| line.contains("| MQTT-")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let (version, statement, by) = (cells[1], cells[2], cells[3]);
        assert!(listed.insert(format!("{version} {statement}")), "{statement} twice");
        if matches!(by, "server" | "transport") {
            continue;
        }
        shown += 1;
        for name in by.split(", ") {
            let name = name.trim_matches('`');
            assert!(known.contains(name), "{version} {statement}: no test {name}");
        }
    }
    let statements: BTreeSet<String> = read("tests/mqtt_statements.txt").lines().map(str::to_owned).collect();
    assert_eq!(listed, statements);
    assert!(shown > 200, "{shown}");
}
