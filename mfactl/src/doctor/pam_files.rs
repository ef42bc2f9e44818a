//! The PAM files and the module as files: who may change them, whether they are there, and whose lines
//! are in files that cron includes.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::{self, Mend};
use super::steps::is_free;
use crate::pam::family::Family;
use crate::pam::folder::module_file;
use crate::pam::line::{Rule, parse};
use crate::pam::walk::OURS;

/// Looks at the files of every service that names us.
pub(super) fn look(host: &Host, report: &mut Report) {
    shared(host, report);
    let mut files: BTreeMap<&Path, &str> = BTreeMap::new();
    for service in host.services.iter().filter(|service| service.names_us()) {
        for step in service.auth.iter().chain(&service.account) {
            files.entry(&step.place.file).or_insert(&service.name);
        }
    }
    for file in files.keys() {
        modes(file, Kind::PamFileWritable, "0644", report);
    }
    for module in modules(host, files.keys().copied()) {
        match std::fs::metadata(&module) {
            Ok(about) if about.is_file() && about.len() > 0 => {
                modes(&module, Kind::ModuleWritable, "0644", report);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                report.cannot_look("module", error, Mend::list(&module));
            }
            _ => report.found(Finding {
                kind: Kind::ModuleMissing,
                subject: OURS.into(),
                spot: Some(Spot::file(module)),
                detail: String::new(),
                mend: Mend::reinstall(),
            }),
        }
    }
}

/// Whether others than root may write a file.
fn modes(file: &Path, kind: Kind, mode: &str, report: &mut Report) {
    let subject = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match std::fs::metadata(file) {
        Ok(about) if about.uid() != 0 || about.mode() & 0o022 != 0 => {
            let path = mend::quoted(&file.to_string_lossy());
            report.found(Finding {
                kind,
                subject,
                spot: Some(Spot::file(file)),
                detail: format!("owner {}, mode {:04o}", about.uid(), about.mode() & 0o7777),
                mend: Mend::Run(format!("chown root:root {path} && chmod {mode} {path}")),
            });
        }
        Ok(_) => {}
        Err(error) => report.cannot_look(&subject, error, Mend::list(file)),
    }
}

/// The module files that the lines in these files name.
fn modules<'a>(host: &Host, files: impl Iterator<Item = &'a Path>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in files {
        let text = host.files.read(file).ok().flatten().unwrap_or_default();
        for line in parse(&text).into_iter().filter(|line| line.module() == Some(OURS)) {
            let Rule::Module { module, .. } = line.rule else { continue };
            let path = if module.starts_with('/') { PathBuf::from(module) } else { module_file(&module) };
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// Our lines in files that are for others to include, or whose service nobody sits at.
fn shared(host: &Host, report: &mut Report) {
    for name in host.files.services().iter().filter(|name| Family::of(name.as_ref()).is_err()) {
        let Ok(Some((file, text))) = host.files.of_service(name) else { continue };
        let lines = parse(&text);
        for line in lines.iter().filter(|line| line.module() == Some(OURS)) {
            let spot = Spot { file: file.clone(), line: Some(line.number) };
            let mend = if is_free(&lines, line.number) { mend::emptied(&spot) } else { Mend::edit(&spot) };
            let detail = line.facility.map_or(String::new(), |facility| format!("an {facility} line"));
            report.found(Finding {
                kind: Kind::LineInSharedFile,
                subject: name.clone(),
                spot: Some(spot),
                detail,
                mend,
            });
        }
    }
}
