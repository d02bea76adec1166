use portcullis::prelude::*;

fn main() -> Result<(), BoxError> {
    let signer = Signer::hs256(std::env::var("SECRET")?)?;
    let claims = std::collections::HashMap::from([("sub", "Ann")]);
    let token = signer.sign_for(&claims, std::time::Duration::from_secs(900))?;
    println!("{}", token.expose());
    Ok(())
}
