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
