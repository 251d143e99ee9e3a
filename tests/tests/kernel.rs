//! x
use aya::{
    EbpfLoader,
    programs::{SchedClassifier, Xdp},
};
#[test]
fn loads() {
    let mut loader = EbpfLoader::new();
    for (name, n) in [
        ("FLOWS_V4", 4 * 2176),
        ("FLOWS_V6", 4 * 2176),
        ("USED_V4", 4 * 2176),
        ("USED_V6", 4 * 2176),
        ("LEDGERS", 4),
    ] {
        loader.map_max_entries(name, n);
    }
    let mut b = loader.load(sensor::kernel::OBJECT).unwrap();
    for p in ["ingress", "clock"] {
        let x: &mut Xdp = b.program_mut(p).unwrap().try_into().unwrap();
        x.load().unwrap();
        println!("{p} {:?}", x.info().unwrap().verified_instruction_count());
    }
    for p in ["tc_ingress", "tc_egress", "tc_ingress_l3", "tc_egress_l3"] {
        let x: &mut SchedClassifier = b.program_mut(p).unwrap().try_into().unwrap();
        x.load().unwrap();
        println!("{p} {:?}", x.info().unwrap().verified_instruction_count());
    }
}
