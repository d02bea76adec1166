use super::*;

#[test]
fn name_that_occurs_twice_is_found_wherever_it_is() {
    for count in [2, 3, 15, 16, 17, 18, 40, 400] {
        for (first, second) in [(0, count - 1), (0, 1), (count - 2, count - 1), (count / 3, count - 1)] {
            let member = |at: usize| format!(r#""m{}":0"#, if at == second { first } else { at });
            let names: Vec<_> = (0..count).map(member).collect();
            let twice = names.join(",");
            assert_eq!(object(&format!("{{{twice}}}")).unwrap_err(), TWICE, "{twice}");
            assert_eq!(object(&format!(r#"{{"a":[{{"b":{{{twice}}}}}]}}"#)).unwrap_err(), TWICE, "{twice}");
            let once: Vec<_> = (0..count).map(|at| format!(r#""m{at}":{{"m{at}":{{}}}}"#)).collect();
            assert_eq!(object(&format!("{{{}}}", once.join(","))).unwrap().len(), count);
        }
    }
    assert_eq!(object(r#"{"a":1,"\u0061":2}"#).unwrap_err(), TWICE);
}

#[test]
fn escaped_name_is_the_name_that_it_stands_for_at_any_depth_and_count() {
    for count in [1, 2, 15, 16, 17, 40] {
        let names: Vec<_> = (0..count).map(|at| format!(r#""m{at}":{at}"#)).collect();
        let names = names.join(",");
        for (escaped, is_twice) in
            [(r"\u006d0", true), (r"\u006D\u0030", true), (r"m\u0030x", false), (r"\\u006d0", false)]
        {
            for json in [format!(r#"{{{names},"{escaped}":1}}"#), format!(r#"{{"{escaped}":1,{names}}}"#)] {
                let nested = format!(r#"{{"a":[0,{{"b":{json}}}]}}"#);
                assert_eq!(object(&json).err(), is_twice.then_some(TWICE), "{json}");
                assert_eq!(object(&nested).err(), is_twice.then_some(TWICE), "{nested}");
            }
        }
    }
}

#[test]
fn escaped_names_and_texts_are_decoded() {
    let json = r#"{"\u0061\n":"\"\\\/\b\f\n\r\t\ud83d\ude00é","plain":{"\u0061":"\u0061"}}"#;
    let read: Vec<_> = object(json).unwrap().into_iter().map(|member| (member.name, member.value)).collect();
    let [(name, Value::Text(text)), (plain, Value::Object(inner))] = &*read else { panic!("{read:?}") };
    assert_eq!((&**name, &**text), ("a\n", "\"\\/\u{8}\u{c}\n\r\t😀é"));
    assert_eq!((&**plain, *inner), ("plain", r#"{"\u0061":"\u0061"}"#));
}

#[test]
fn first_mistake_in_a_string_is_named() {
    for (text, why) in [
        (r"\x", "an unknown escape in a string"),
        (r"\é", "an unknown escape in a string"),
        (r"\u12", "an unknown escape in a string"),
        (r"\u+123", "an unknown escape in a string"),
        (r"\u00é0", "an unknown escape in a string"),
        (r"\ud800", LONE),
        (r"\udc00", LONE),
        (r"\ud800\n", LONE),
        (r"\ud800\ud800", LONE),
        (r"\ud800\udc0", "an unknown escape in a string"),
        ("\\n\u{1}\\x", "a control character in a string"),
        ("\\x\u{1}", "an unknown escape in a string"),
    ] {
        for json in [format!(r#"{{"a":"{text}"}}"#), format!(r#"{{"{text}":1}}"#), format!(r#"{{"a":["{text}"]}}"#)] {
            assert_eq!(object(&json).unwrap_err(), why, "{json}");
        }
    }
    assert_eq!(object(r#"{"a":"\"#).unwrap_err(), "the JSON text ends early");
    assert_eq!(object(r#"{"a":"\n"#).unwrap_err(), "a string without an end");
}
