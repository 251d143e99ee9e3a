//! Tells the linker, which is the code generator too, what the kernel's packets are like.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "bpf") {
        // The verifier lets programs read packets at any alignment where the processor can; without this, each word is
        // put together from bytes.
        println!("cargo::rustc-link-arg-bins=--cpu-features=+allows-misaligned-mem-access");
    }
}
