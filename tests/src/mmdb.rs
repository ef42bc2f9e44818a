//! Databases of places in MaxMind's format, as small as a test needs them.
//!
//! Source: MaxMind DB File Format Specification, version 2.0: a search tree over the bits of IPv6 (IPv4 lies in
//! `::/96`), sixteen zeros, the data, a marker, the metadata.

use std::net::IpAddr;

/// A value of the data section.
#[derive(Debug, Clone)]
pub enum Value {
    /// Values by name.
    Map(Vec<(&'static str, Value)>),
    /// Text.
    Text(String),
    /// A number with a fraction.
    Double(f64),
    /// 32 bits.
    Number(u32),
    /// 16 bits.
    Short(u16),
    /// 64 bits.
    Long(u64),
    /// None of them.
    EmptyList,
}

/// A country, as MaxMind's databases of countries and cities have it; `point`: latitude and longitude in degrees.
pub fn country(code: &str, point: Option<(f64, f64)>) -> Value {
    let mut fields = vec![("country", Value::Map(vec![("iso_code", Value::Text(code.into()))]))];
    if let Some((latitude, longitude)) = point {
        let point = [("latitude", latitude), ("longitude", longitude)];
        let point = point.map(|(name, degrees)| (name, Value::Double(degrees)));
        fields.push(("location", Value::Map(point.into())));
    }
    Value::Map(fields)
}

/// An autonomous system.
pub fn asn(number: u32) -> Value {
    let name = Value::Text("Example".into());
    Value::Map(vec![
        ("autonomous_system_number", Value::Number(number)),
        ("autonomous_system_organization", name),
    ])
}

/// A file in which these networks have these values. Networks do not overlap.
pub fn file(networks: &[(&str, Value)]) -> Vec<u8> {
    let (mut tree, mut data) = (vec![[Record::Empty; 2]], Vec::new());
    for (network, value) in networks {
        let (address, length) = network.split_once('/').expect("ADDRESS/LENGTH");
        let length: u32 = length.parse().expect("a length");
        let (bits, length) = match address.parse().expect("an address") {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), length + 96),
            IpAddr::V6(v6) => (v6.to_bits(), length),
        };
        insert(&mut tree, bits, length, data.len());
        encode(value, &mut data);
    }
    let nodes = u32::try_from(tree.len()).expect("a small tree");
    let mut file = Vec::new();
    for record in tree.iter().flatten() {
        let number = match *record {
            Record::Empty => nodes,
            Record::Node(at) => u32::try_from(at).expect("a small tree"),
            Record::Data(at) => nodes + 16 + u32::try_from(at).expect("little data"),
        };
        file.extend(number.to_be_bytes());
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    encode(&metadata(nodes), &mut file);
    file
}

#[derive(Debug, Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

fn insert(tree: &mut Vec<[Record; 2]>, bits: u128, length: u32, data: usize) {
    let mut node = 0;
    for depth in 0..length {
        let side = usize::from(bits >> (127 - depth) & 1 == 1);
        if depth + 1 == length {
            tree[node][side] = Record::Data(data);
            return;
        }
        node = if let Record::Node(next) = tree[node][side] {
            next
        } else {
            let next = tree.len();
            tree.push([Record::Empty; 2]);
            tree[node][side] = Record::Node(next);
            next
        };
    }
}

fn metadata(nodes: u32) -> Value {
    Value::Map(vec![
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1_800_000_000)),
        ("database_type", Value::Text("Test".into())),
        ("description", Value::Map(Vec::new())),
        ("ip_version", Value::Short(6)),
        ("languages", Value::EmptyList),
        ("node_count", Value::Number(nodes)),
        ("record_size", Value::Short(32)),
    ])
}

fn encode(value: &Value, into: &mut Vec<u8>) {
    let short = |size: usize| u8::try_from(size).ok().filter(|size| *size < 29).expect("short");
    let control = |kind: u8, size: usize| kind << 5 | short(size);
    match value {
        Value::Map(fields) => {
            into.push(control(7, fields.len()));
            for (name, value) in fields {
                encode(&Value::Text((*name).to_owned()), into);
                encode(value, into);
            }
        }
        Value::Text(text) if text.len() < 29 => {
            into.push(control(2, text.len()));
            into.extend(text.bytes());
        }
        Value::Text(text) => {
            into.extend([2 << 5 | 0x1d, u8::try_from(text.len() - 29).expect("short")]);
            into.extend(text.bytes());
        }
        Value::Double(number) => {
            into.push(control(3, 8));
            into.extend(number.to_be_bytes());
        }
        Value::Number(number) => {
            into.push(control(6, 4));
            into.extend(number.to_be_bytes());
        }
        Value::Short(number) => {
            into.push(control(5, 2));
            into.extend(number.to_be_bytes());
        }
        Value::Long(number) => {
            into.extend([8, 9 - 7]);
            into.extend(number.to_be_bytes());
        }
        Value::EmptyList => into.extend([0, 11 - 7]),
    }
}
