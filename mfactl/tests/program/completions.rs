//! What the shells complete.

use crate::{alone, text, tool};

/// What bash offers for the last of `words`, as it asks the script when TAB is pressed.
fn offered(words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        eval "$("$1" completions bash)"; shift
        what=$(complete -p mfactl) && what=${what##*-F } && what=${what%% *}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
        "$what" mfactl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let line = [&["--norc", "-c", ASK, "bash", crate::MFACTL, "mfactl"], words].concat();
    let output = tool("bash", "bash", &line);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_and_options() {
    assert_eq!(offered(&["us"]), ["user"]);
    assert_eq!(offered(&["user", "rec"]), ["recover"]);
    assert_eq!(offered(&["user", "recover", "--ver"]), ["--verified-by"]);
    assert_eq!(offered(&["enroll", "--type", "h"]), ["hotp"]);
    assert_eq!(offered(&["completions", "z"]), ["zsh"]);
}

#[test]
fn a_hidden_verb_is_not_offered() {
    let verbs = offered(&[""]);
    assert!(verbs.iter().any(|verb| verb == "audit") && !verbs.iter().any(|verb| verb == "man"), "{verbs:?}");
    for shell in ["zsh", "fish"] {
        assert!(!text(&alone(["completions", shell]).stdout).contains("manual's pages"), "{shell}");
    }
}

#[test]
fn every_script_is_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), alone(["completions", "bash"]).stdout).unwrap();
    let parsed = tool("bash", "bash", &["-n", file.path().to_str().unwrap()]);
    assert!(parsed.status.success() && parsed.stderr.is_empty(), "{}", text(&parsed.stderr));
    assert!(text(&alone(["completions", "zsh"]).stdout).starts_with("#compdef mfactl\n"));
    assert!(text(&alone(["completions", "fish"]).stdout).contains("complete -c mfactl "));
}
