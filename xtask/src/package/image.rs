//! The container image: an OCI image layout (image-spec 1.1) in a tar file, as `skopeo copy oci-archive:` and
//! `podman load` take it. From scratch: the program, the libraries that it links to, and those by which glibc resolves
//! names; no shell, no package manager.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{About, fresh, tarball, tree::Staged, write as write_file};
use crate::process;

/// What the agent needs of a file system beside its program: its configuration, and the roots that TLS trusts.
const KEPT: [&str; 3] = ["usr/bin", "etc/sensor", "usr/share/sensor"];
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Writes `sensor_VERSION_ARCH.oci.tar` into `out`.
///
/// # Errors
/// When a library is missing or a file cannot be written.
pub(super) fn write(staged: &Staged, about: &About, binary: &Path, out: &Path) -> Result<PathBuf> {
    let root = fresh(&out.join("image-root"))?;
    for kept in KEPT {
        copy(&staged.root.join(kept), &root.join(kept))?;
    }
    for library in libraries(binary)? {
        copy_file(&library, &root)?;
    }
    if Path::new(ROOTS).is_file() {
        copy_file(Path::new(ROOTS), &root)?;
    }
    let layout = fresh(&out.join("image"))?;
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("create {}", blobs.display()))?;
    let plain = out.join("layer.tar");
    tarball::pack(&root, about, &[], &plain)?;
    let diff = digest(&plain)?;
    process::run(
        Command::new("gzip").args(["-n", "-f", &format!("-{}", about.effort)]).arg(&plain),
    )?;
    let layer = blob(&blobs, &fs::read(plain.with_extension("tar.gz"))?, out)?;
    let config = blob(&blobs, &serde_json::to_vec(&config(about, &diff))?, out)?;
    let manifest = manifest(&config, &layer);
    let manifest = blob(&blobs, &serde_json::to_vec(&manifest)?, out)?;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor("application/vnd.oci.image.manifest.v1+json", &manifest, about)],
    });
    write_file(&layout.join("index.json"), &index.to_string())?;
    write_file(&layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let file = out.join(format!("{}.oci.tar", about.stem()));
    tarball::pack(&layout, about, &[], &file)?;
    Ok(file)
}

/// Digest and size of what lies in the layout.
struct Blob {
    digest: String,
    size: usize,
}

fn blob(blobs: &Path, content: &[u8], out: &Path) -> Result<Blob> {
    let file = out.join("blob");
    fs::write(&file, content).with_context(|| format!("write {}", file.display()))?;
    let digest = digest(&file)?;
    let to = blobs.join(&digest);
    fs::rename(&file, &to).with_context(|| format!("write {}", to.display()))?;
    Ok(Blob { digest, size: content.len() })
}

fn digest(file: &Path) -> Result<String> {
    let said = process::capture(Command::new("sha256sum").arg("--binary").arg(file))?;
    let digest = said.split_whitespace().next().context("sha256sum printed nothing")?;
    Ok(digest.to_owned())
}

fn config(about: &About, layer: &str) -> Value {
    json!({
        "architecture": about.architecture,
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/sensor"],
            "Cmd": ["run", "--config", "/etc/sensor/sensor.toml"],
            "Labels": {
                "org.opencontainers.image.title": "sensor",
                "org.opencontainers.image.version": about.version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
    })
}

fn manifest(config: &Blob, layer: &Blob) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": format!("sha256:{}", config.digest),
            "size": config.size,
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": format!("sha256:{}", layer.digest),
            "size": layer.size,
        }],
    })
}

fn descriptor(media_type: &str, blob: &Blob, about: &About) -> Value {
    json!({
        "mediaType": media_type,
        "digest": format!("sha256:{}", blob.digest),
        "size": blob.size,
        "annotations": { "org.opencontainers.image.ref.name": about.version },
        "platform": { "architecture": about.architecture, "os": "linux" },
    })
}

/// The shared libraries of `binary`, its loader, and the modules of glibc's name service, as this host has them.
fn libraries(binary: &Path) -> Result<Vec<PathBuf>> {
    let said = process::capture(Command::new("ldd").arg(binary))?;
    let mut all = of_ldd(&said);
    let Some(beside) = all.iter().find(|path| path.ends_with("libc.so.6")) else {
        bail!("{} does not link to glibc", binary.display());
    };
    let beside = beside.with_file_name("");
    let modules = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"];
    all.extend(modules.map(|name| beside.join(name)).into_iter().filter(|path| path.exists()));
    Ok(all)
}

/// The paths in what ldd prints.
fn of_ldd(said: &str) -> Vec<PathBuf> {
    said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// The file that `path` is or links to, at the same path below `root`.
fn copy_file(path: &Path, root: &Path) -> Result<()> {
    let to = root.join(path.strip_prefix("/").unwrap_or(path));
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    }
    fs::copy(path, &to).map(drop).with_context(|| format!("copy {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    process::run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_both_forms_of_ldd() {
        let said = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x00007fcd)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007fcd)\n";
        let expected = ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(of_ldd(said), expected.map(PathBuf::from));
    }
}
