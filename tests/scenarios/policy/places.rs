//! Where addresses are, by databases of the operator's own: here of four networks, made by the test.

use mfa_tests::Attempt;
use mfa_tests::mmdb::{self, asn, country};

use super::{Met, met, set, ssh, start, sudo};

const COUNTRIES: &str = "/var/lib/GeoIP/countries.mmdb";
const SYSTEMS: &str = "/var/lib/GeoIP/systems.mmdb";

fn rule(when: &str) -> String {
    format!(
        "[location]\ncountry = \"{COUNTRIES}\"\nasn = \"{SYSTEMS}\"\n[[rule]]\nname = \"r\"\nwhen = {{ {when} }}\nthen = \"deny\"\n"
    )
}

#[test]
fn a_country_a_system_a_new_location_and_a_journey_are_known_by_the_operators_databases() {
    let machine = start();
    let countries = mmdb::file(&[
        ("127.0.2.0/24", country("DE", Some((52.52, 13.4)))),
        ("127.0.3.0/24", country("AU", Some((-33.87, 151.21)))),
        ("127.0.5.0/24", country("DE", Some((53.55, 9.99)))),
    ]);
    let systems = mmdb::file(&[
        ("127.0.2.0/24", asn(64_500)),
        ("127.0.3.0/24", asn(64_501)),
        ("127.0.5.0/24", asn(64_502)),
    ]);
    machine.write(COUNTRIES, 0o644, &countries);
    machine.write(SYSTEMS, 0o644, &systems);
    let from = |address: &str| -> Attempt { ssh(&machine, "alice").from(address) };
    let [berlin, sydney, hamburg, nowhere] = ["127.0.2.1", "127.0.3.1", "127.0.5.1", "127.0.4.1"];
    let are = |expected: [Met; 4]| {
        assert_eq!([berlin, sydney, hamburg, nowhere].map(|address| met(from(address))), expected);
    };
    let (asked, refused) = (Met::Question, Met::Refusal);
    set(&machine, "optional", &rule("country = \"AU\""));
    are([asked, refused, asked, refused]);
    assert_eq!(met(sudo(&machine, "alice")), refused, "of which no place is known");
    set(&machine, "optional", &rule("asn = [64501, 64502]"));
    are([asked, refused, refused, refused]);
    // Nobody has come from anywhere: the first login must be possible.
    set(&machine, "optional", &rule("travel = \"impossible\""));
    are([asked, asked, asked, refused]);
    let _ = from(berlin).code(&machine.token("alice").fresh_code()).assert_granted();
    are([asked, refused, asked, refused]);
    set(&machine, "optional", &rule("location = \"new\""));
    are([asked, refused, refused, refused]);

    // One that is cut short is told, and what was read before goes on; the settings are in force all the same.
    machine.write(COUNTRIES, 0o644, &countries[..200]);
    set(&machine, "optional", &rule("country = \"AU\""));
    machine.log().wait_for(&format!("{COUNTRIES}: "));
    are([asked, refused, asked, refused]);
    machine.mfad().restart();
    are([refused, refused, refused, refused]);
    let checked = machine.exec(&["mfad", "--check"]).assert_exit(0);
    assert!(checked.stderr.contains(COUNTRIES), "{checked}");
    let told = "rule \"r\": no country is known without a database of countries: it denies whatever that is";
    assert!(checked.stderr.contains(told), "{checked}");
    machine.write(COUNTRIES, 0o666, &countries);
    machine.mfad().reload();
    are([refused, refused, refused, refused]);
    machine.write(COUNTRIES, 0o644, &countries);
    machine.mfad().reload();
    are([asked, refused, asked, refused]);
}
