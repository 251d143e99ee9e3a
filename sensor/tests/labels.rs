//! `sensor labels` as a user types it, and what its imports are good for.
//!
//! `UPDATE_EXPECT=1 cargo test -p sensor --test labels` writes the golden files anew; read the difference before you commit it.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use sensor_common::key::KeyV4;
use sensor_core::{
    enrich::{
        active::ActiveContext,
        combine::Precedence,
        context::{Context, Limits},
        enricher::Enricher,
        formats::Form,
        sources::Sources,
    },
    flow::{
        batch::{EndReason, FlowBatch, Source},
        interfaces::Interfaces,
        testing,
    },
    nql::{Filter, Options, columns::BatchFilter, lists::Lists},
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/import");

/// Cloud, files, name of the golden file, and an address in a production group and one in a development group.
type Import = (&'static str, &'static [&'static str], &'static str, [[u8; 4]; 2]);

const IMPORTS: [Import; 4] = [
    (
        "aws",
        &["aws-instances.json", "aws-interfaces.json"],
        "aws.csv",
        [[10, 20, 1, 11], [10, 20, 2, 10]],
    ),
    ("gcp", &["gcp-instances.json"], "gcp.csv", [[10, 156, 0, 2], [10, 156, 0, 3]]),
    (
        "oci",
        &["oci-instances.json", "oci-vnics.json", "oci-names.json"],
        "oci.csv",
        [[10, 40, 0, 2], [10, 40, 1, 2]],
    ),
    (
        "azure",
        &["azure-addresses.json", "azure-details.json"],
        "azure.csv",
        [[10, 60, 0, 4], [10, 60, 1, 4]],
    ),
];

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn sensor_in(directory: &Path, arguments: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is text"),
        stderr: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

fn import(cloud: &str, files: &[&str]) -> Outcome {
    let arguments = [&["labels", "import", cloud], files].concat();
    sensor_in(Path::new(GOLDEN), &arguments)
}

#[test]
fn exports_of_clouds_become_label_files() {
    for (cloud, files, golden, _) in IMPORTS {
        let outcome = import(cloud, files);
        assert_eq!(outcome.code, Some(0), "{cloud}: {}", outcome.stderr);
        let golden = Path::new(GOLDEN).join(golden);
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&golden, &outcome.stdout).expect("the golden file can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(outcome.stdout, expected, "{cloud}; shown:\n{}", outcome.stdout);
    }
}

/// Security groups say nothing of their members; with who is in them, they give them their names.
#[test]
fn groups_need_the_addresses_of_their_members() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, document: serde_json::Value| {
        fs::write(folder.path().join(name), document.to_string()).expect("written");
    };
    let group = |id: &str, name: &str| {
        serde_json::json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-1", "OwnerId": "42",
            "IpPermissions": [{"IpRanges": [{"CidrIp": "198.51.100.0/24"}]}]})
    };
    let groups = [group("sg-1", "production"), group("sg-2", "bastion")];
    write("groups.json", serde_json::json!({"SecurityGroups": groups}));
    write(
        "interfaces.json",
        serde_json::json!({"NetworkInterfaces": [{"PrivateIpAddress": "10.1.0.9", "VpcId": "vpc-1",
            "Groups": [{"GroupId": "sg-1"}, {"GroupId": "sg-2"}]}]}),
    );
    write(
        "instances.json",
        serde_json::json!({"Reservations": [{"Instances": [{"PrivateIpAddress": "10.1.0.7",
            "SecurityGroups": [{"GroupId": "sg-2"}]}]}]}),
    );
    write(
        "subnets.json",
        serde_json::json!({"Subnets": [{"CidrBlock": "10.1.0.0/20", "SubnetId": "subnet-1"}]}),
    );
    let import =
        |files: &[&str]| sensor_in(folder.path(), &[&["labels", "import", "aws"], files].concat());

    let alone = import(&["groups.json"]);
    assert_eq!((alone.code, alone.stdout.as_str()), (Some(64), ""), "{}", alone.stderr);
    for part in [
        "no address",
        "security groups, which do not list their members",
        "`aws ec2 describe-network-interfaces` or `aws ec2 describe-instances`",
    ] {
        assert!(alone.stderr.contains(part), "{part}: {}", alone.stderr);
    }

    let subnets = import(&["groups.json", "subnets.json"]);
    assert_eq!(subnets.code, Some(0), "{}", subnets.stderr);
    assert!(
        subnets
            .stderr
            .contains("have no address: pass the output of `aws ec2 describe-network-interfaces`")
    );

    // Whatever the order of the files.
    for files in [
        ["groups.json", "interfaces.json", "instances.json", "subnets.json"],
        ["subnets.json", "instances.json", "interfaces.json", "groups.json"],
    ] {
        let joined = import(&files);
        assert_eq!(joined.code, Some(0), "{}", joined.stderr);
        assert!(!joined.stderr.contains("describes no address"), "{}", joined.stderr);
        for line in [
            "10.1.0.9,securitygroup,bastion,production",
            "10.1.0.9,securitygroupid,sg-1,sg-2",
            "10.1.0.7,securitygroup,bastion",
            "10.1.0.0/20,subnet,subnet-1",
        ] {
            assert!(joined.stdout.lines().any(|own| own == line), "{line}: {}", joined.stdout);
        }
        assert!(!joined.stdout.contains("198.51.100"), "a rule has no members: {}", joined.stdout);
    }
}

/// What is needed and not there is told for each cloud.
#[test]
fn imports_without_an_address_say_what_has_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for (cloud, printed, part) in [
        ("oci", r#"{"data": [{"id": "i", "shape": "s"}]}"#, "instances without their addresses"),
        (
            "oci",
            r#"{"data": [{"vnic-id": "v", "instance-id": "i"}]}"#,
            "`oci compute instance list-vnics`",
        ),
        ("oci", r#"{"data": [{"id": "g", "vcn-id": "n"}]}"#, "networks or security groups"),
        ("azure", r#"[{"name": "m", "hardwareProfile": {}}]"#, "`az vm list-ip-addresses`"),
        ("gcp", "[]", "is it what `gcloud compute instances list --format=json` prints?"),
        ("aws", r#"{"SecurityGroups": []}"#, "is it what `aws ec2 describe-instances`"),
    ] {
        fs::write(folder.path().join("printed.json"), printed).expect("written");
        let outcome = sensor_in(folder.path(), &["labels", "import", cloud, "printed.json"]);
        assert_eq!(outcome.code, Some(64), "{cloud}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(part), "{cloud}: {}", outcome.stderr);
    }
}

fn flows(pairs: &[([u8; 4], [u8; 4])]) -> FlowBatch {
    let mut batch = FlowBatch::v4(Source::Host);
    let (key, counts) = testing::counts(1, 0, 0, 100);
    for (source, destination) in pairs {
        let [source, destination] = [source, destination].map(|octets| u32::from_ne_bytes(*octets));
        batch.push(&KeyV4 { source, destination, ..key }, &counts, EndReason::IdleTimeout);
    }
    batch
}

/// From a real export to the query that the language is introduced with: the whole way.
#[test]
fn production_must_not_meet_development() {
    let lists = Lists::default();
    let query = "label.ip.securitygroup == production && label.ip.securitygroup == development";
    let filter = Filter::compile(query, &Options { strict: true, ..Options::new(&lists) })
        .expect("the query is in the public language");
    for (cloud, files, _, [production, development]) in IMPORTS {
        let csv = import(cloud, files).stdout;
        let mut sources = Sources::default();
        let report = sources.labels("labels.csv", &csv, Form::Csv);
        assert_eq!(report.faults, []);
        let context = Context::new(sources, Precedence::MostSpecific, Limits::default());
        let mut enricher = Enricher::new(Arc::new(ActiveContext::new(context)));
        let stranger = [198, 51, 100, 1];
        let mut batch = flows(&[
            (production, stranger),
            (production, development),
            (development, stranger),
            (production, production),
            (development, production),
        ]);
        enricher.enrich(&mut batch);
        let mut filter = BatchFilter::new(&filter.typed);
        let found: Vec<_> = filter.rows(&batch, &Interfaces::default()).collect();
        assert_eq!(found, [1, 4], "{cloud}");
    }
}

#[test]
fn what_is_no_export_is_refused() {
    let outcome = import("aws", &["gcp-instances.json"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(64), ""));
    assert_eq!(
        outcome.stderr,
        "sensor: it contains no address; is it what `aws ec2 describe-instances`, \
         `describe-network-interfaces` or `describe-subnets` prints?\n"
    );
    let outcome = import("aws", &["aws.csv"]);
    assert_eq!(outcome.code, Some(64));
    assert!(outcome.stderr.contains("aws.csv:1:"), "{}", outcome.stderr);
}

#[test]
fn a_check_tells_every_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).expect("the file is written");
    };
    file("good.csv", "10.0.0.5,role,web\n");
    file("bad.csv", "10.0.0.5,role,web\n10.0.0.256,role,web\n");
    file("bad.toml", "['10.0.0.5']\nrole = 7\n");
    let good = sensor_in(directory.path(), &["labels", "check", "good.csv"]);
    assert_eq!((good.code, good.stdout.as_str()), (Some(0), "good.csv: 1 entries\n"));
    let bad = sensor_in(
        directory.path(),
        &["labels", "check", "good.csv", "bad.csv", "bad.toml", "absent.csv"],
    );
    assert_eq!(bad.code, Some(64));
    assert_eq!(
        bad.stdout,
        "good.csv: 1 entries\nbad.csv: 1 entries, 1 faulty\nbad.toml: 0 entries, 1 faulty\n"
    );
    for part in ["bad.csv:2:1", "bad.toml:2:8", "cannot read absent.csv"] {
        assert!(bad.stderr.contains(part), "{part}: {}", bad.stderr);
    }
}

#[test]
fn an_address_is_explained() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).expect("the file is written");
    };
    file("labels.csv", "10.0.0.0/8,role,any\n10.0.0.5,role,web\n10.0.0.5,name,web-1\n");
    file("bad.txt", "# bad\n203.0.113.0/24\n");
    file(
        "sensor.toml",
        "labels.files = ['labels.csv']\nnetworks.external = ['10.0.0.0/24']\n\
         reputation = [{ file = 'bad.txt', category = 'botnets' }]\n",
    );
    let arguments = ["labels", "show", "--config", "sensor.toml", "10.0.0.5", "203.0.113.9"];
    let outcome = sensor_in(directory.path(), &arguments);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(
        outcome.stdout,
        "\
10.0.0.5
  bogon          true   10.0.0.0/8   built-in table of bogons (2025-10)
  internal       false  10.0.0.0/24  [networks] of the configuration
  internal       true   10.0.0.0/8   RFC 1918 and RFC 4193 (overruled)
  label.ip.name  web-1  10.0.0.5     labels.csv:3
  label.ip.role  web    10.0.0.5     labels.csv:2
  label.ip.role  any    10.0.0.0/8   labels.csv:1 (overruled)

203.0.113.9
  bogon       true     203.0.113.0/24  built-in table of bogons (2025-10)
  reputation  botnets  203.0.113.0/24  bad.txt:2
"
    );
}
