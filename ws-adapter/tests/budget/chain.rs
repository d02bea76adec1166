use std::time::SystemTime;

use auth_core::{AuthRequest, Chain, Principal, Transport};

use crate::{
    cost,
    file::{Cost, Path},
    strategies::{LOGIN, absent, basic, bearer, es256, hs256, jwt, owner, remembering, request},
};

pub(crate) fn paths() -> Vec<Path> {
    let (hs, es) = (bearer(&hs256()), bearer(&es256()));
    let behind = |count| {
        let chain = (1..count).fold(Chain::new().or(absent("a")), |chain, _| chain.or(absent("b")));
        accepted(&chain.or(owner(jwt(&hs256()))), &hs)
    };
    let one = || Chain::new().or(owner(jwt(&hs256())));
    let mut forged = hs.clone();
    forged.replace_range(hs.len() - 8.., "AAAAAAAA");
    vec![
        ("chain: HS256", accepted(&one(), &hs)),
        ("chain: ES256, remembered", accepted(&Chain::new().or(owner(remembering(&es256()))), &es)),
        ("chain: each absent strategy more", each_more(behind(1), behind(5), 4)),
        ("chain: Basic without a hash", accepted(&Chain::new().or(basic()), LOGIN)),
        ("chain: refusal of nobody", refused(&one(), None)),
        ("chain: refusal of a bad signature", refused(&one(), Some(&forged))),
        ("chain: refusal of a token over the limit", refused(&one(), Some(&format!("Bearer {}", "eyJh".repeat(2250))))),
    ]
}

fn accepted<U: Principal>(chain: &Chain<U>, authorization: &str) -> Cost {
    decided(chain, Some(authorization), true)
}

fn refused<U: Principal>(chain: &Chain<U>, authorization: Option<&str>) -> Cost {
    decided(chain, authorization, false)
}

/// The cost of one decision. The head is made before, `AuthRequest` is part of it.
fn decided<U: Principal>(chain: &Chain<U>, authorization: Option<&str>, accepts: bool) -> Cost {
    let (parts, ()) = request(authorization).into_parts();
    cost(async || {
        let request = AuthRequest::new(&parts, Transport::Http, SystemTime::now());
        assert_eq!(chain.authenticate(&request).await.is_ok(), accepts);
    })
}

fn each_more(few: Cost, many: Cost, count: u64) -> Cost {
    let each = |few: u64, many: u64| {
        assert_eq!((many - few) % count, 0, "each of them costs the same");
        (many - few) / count
    };
    Cost { allocations: each(few.allocations, many.allocations), bytes: each(few.bytes, many.bytes) }
}
