//! Two nodes' audits, watched: Debian's `node_exporter` on each, one Prometheus with our rules, and the dashboard's queries.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ELSEWHERE, Machine};
use crate::support::{PATIENCE, succeed, tool};

/// A server, ended with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command, log: &Path) -> Server {
    let log = fs::File::create(log).unwrap();
    Server(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn hooks() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks")
}

/// The body of an answer; none while nobody listens or the server is not ready.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
}

fn escaped(text: &str) -> String {
    let digits = hex::encode(text);
    let bytes = digits.as_bytes().chunks(2).flat_map(|pair| [b'%', pair[0], pair[1]]);
    bytes.map(char::from).collect()
}

/// A Prometheus that has scraped.
struct Watch {
    port: u16,
    _servers: Vec<Server>,
    _directory: tempfile::TempDir,
}

impl Watch {
    fn over(nodes: &[(&str, &Machine)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let mut servers = Vec::new();
        let mut targets = Vec::new();
        for (name, machine) in nodes {
            let port = free_port();
            let textfiles = machine.path("var/lib/node_exporter");
            servers.push(start(
                tool("prometheus-node-exporter")
                    .arg("--collector.disable-defaults")
                    .arg(format!("--collector.textfile.directory={}", textfiles.display()))
                    .arg("--collector.textfile")
                    .arg(format!("--web.listen-address=127.0.0.1:{port}")),
                &at(&format!("{name}.log")),
            ));
            targets.push(format!(
                "  - targets: ['127.0.0.1:{port}']\n    labels: {{instance: {name}}}\n"
            ));
        }
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n- job_name: node\n  static_configs:\n{}",
            hooks().join("prometheus/bootseal.rules.yml").display(),
            targets.concat()
        );
        fs::write(at("prometheus.yml"), config).unwrap();
        let port = free_port();
        servers.push(start(
            tool("prometheus")
                .arg(format!("--config.file={}", at("prometheus.yml").display()))
                .arg(format!("--storage.tsdb.path={}", at("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}")),
            &at("prometheus.log"),
        ));
        let watch = Self {
            port,
            _servers: servers,
            _directory: directory,
        };
        let scraped = format!("count(bootseal_audit_timestamp_seconds) == {}", nodes.len());
        watch.wait(|watch| !watch.query(&scraped).is_empty());
        watch
    }

    fn ask(&self, path: &str) -> Option<Value> {
        let answer: Value = serde_json::from_str(&get(self.port, path)?).unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        Some(answer["data"].clone())
    }

    /// Labels and value of each series.
    fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let path = format!("/api/v1/query?query={}", escaped(expression));
        let data = self.ask(&path).unwrap_or_default();
        let result = data["result"].as_array().cloned().unwrap_or_default();
        let one = |series: Value| {
            let value = series["value"][1].as_str().unwrap().parse().unwrap();
            (series["metric"].clone(), value)
        };
        result.into_iter().map(one).collect()
    }

    /// Name, state and node of each alert.
    fn alerts(&self) -> Vec<(String, String, String)> {
        let data = self.ask("/api/v1/alerts").unwrap_or_default();
        let alerts = data["alerts"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let one = |alert: &Value| {
            let labels = &alert["labels"];
            (
                text(&labels["alertname"]),
                text(&alert["state"]),
                text(&labels["instance"]),
            )
        };
        alerts.iter().map(one).collect()
    }

    #[track_caller]
    fn wait(&self, ready: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !ready(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "Prometheus is not there: {:?}",
                self.alerts()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Audits the machine as its timer does: the configuration says where to.
fn audited(machine: &Machine) {
    machine.write(
        "etc/bootseal/config.toml",
        b"[audit]\ntextfile = \"/var/lib/node_exporter/bootseal.prom\"\n",
    );
    fs::create_dir_all(machine.path("var/lib/node_exporter")).unwrap();
    machine.bootseal(["audit"]).args(ELSEWHERE).output().unwrap();
}

#[test]
fn the_rules_do_what_they_say() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/bootseal.rules.test.yml");
    succeed(tool("promtool").args(["test", "rules"]).arg(tests));
}

#[test]
fn a_faulty_node_alerts_and_a_clean_one_does_not() {
    let (clean, faulty) = (Machine::new(), Machine::new());
    let initrd = fs::read(faulty.path("boot/initrd")).unwrap();
    faulty.change_initrd();
    faulty.chmod("efi", 0o777);
    for machine in [&clean, &faulty] {
        audited(machine);
    }
    let watch = Watch::over(&[("clean", &clean), ("faulty", &faulty)]);
    let found = watch.query("bootseal_audit_findings > 0");
    let found: Vec<_> = found
        .iter()
        .map(|(labels, value)| (&labels["instance"], &labels["check"], &labels["level"], *value))
        .collect();
    for (check, level) in [("grub.files", "error"), ("boot.partition", "warning")] {
        let wanted = (&"faulty".into(), &check.into(), &level.into(), 1.0);
        assert!(found.contains(&wanted), "{found:?}");
    }
    assert_eq!(found.len(), 2, "{found:?}");

    let alert = |name: &str, state: &str| (name.to_owned(), state.to_owned(), "faulty".to_owned());
    let wanted = [
        alert("BootsealChainBroken", "firing"),
        alert("BootsealWarning", "pending"),
    ];
    watch.wait(|watch| wanted.iter().all(|alert| watch.alerts().contains(alert)));
    let others = watch.alerts().into_iter().filter(|alert| !wanted.contains(alert));
    assert_eq!(others.collect::<Vec<_>>(), []);

    // The dashboard: each of its queries has something to show of these nodes.
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(hooks().join("grafana/bootseal.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut queries = 0;
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let expression = target["expr"].as_str().unwrap().replace("$instance", ".*");
        assert!(!expression.contains('$'), "{expression}");
        assert!(!watch.query(&expression).is_empty(), "{expression}");
        queries += 1;
    }
    assert!(queries >= panels.len(), "{queries} queries");

    // Mended, and audited again: the alert goes with the next scrape.
    faulty.write("boot/initrd", &initrd);
    faulty.chmod("efi", 0o700);
    audited(&faulty);
    watch.wait(|watch| watch.alerts().is_empty());
    // What was written is gone while the node is up.
    fs::remove_file(faulty.path("var/lib/node_exporter/bootseal.prom")).unwrap();
    let missing = alert("BootsealMetricsMissing", "pending");
    watch.wait(|watch| watch.alerts() == [missing.clone()]);
}

#[test]
fn a_textfile_that_cannot_be_written_is_no_success() {
    let machine = Machine::new();
    machine.write(
        "etc/bootseal/config.toml",
        b"[audit]\ntextfile = \"/no/such/directory/x.prom\"\n",
    );
    let output = machine.bootseal(["audit"]).args(ELSEWHERE).output().unwrap();
    let said = crate::support::text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("cannot create ") && said.contains("The chain is not proven"),
        "{said}"
    );
    succeed(&mut machine.bootseal(["audit", "--only", "keys.private"]));
}
