//! Label files, reputation lists, exports of clouds and MMDB files: any bytes are read or refused, and tables made of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_core::{
    diagnostic,
    enrich::{
        combine::Precedence,
        context::{Context, Limits},
        formats::Form,
        import::{Cloud, Printed, import},
        sources::Sources,
    },
};

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let mut sources = Sources::default();
    if let Ok(text) = std::str::from_utf8(bytes) {
        let form = [Form::Csv, Form::Json, Form::Toml][usize::from(choice % 3)];
        let report = sources.labels("labels", text, form);
        diagnostic::render("labels", text, &report.faults);
        sources.reputation("list", text, "bad");
        if let Ok(printed) = Printed::parse(text) {
            let cloud = [Cloud::Aws, Cloud::Gcp, Cloud::Oci, Cloud::Azure][usize::from(choice & 3)];
            let csv = import(cloud, &[printed]).to_csv();
            let report = Sources::default().labels("import", &csv, Form::Csv);
            assert_eq!(report.faults, [], "an import is a sound label file: {csv}");
        }
    }
    // A file that is none is refused, and the rest holds.
    let _ = sources.database("places", bytes.to_vec());
    let precedence = if choice & 4 == 0 { Precedence::All } else { Precedence::MostSpecific };
    let context = Context::new(sources, precedence, Limits::default());
    for address in
        ["0.0.0.0", "10.0.0.5", "255.255.255.255", "::", "2001:db8::1", "::ffff:10.0.0.5"]
    {
        context.number(address.parse().expect("these are addresses"));
    }
});
