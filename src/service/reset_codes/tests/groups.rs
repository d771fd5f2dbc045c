//! What a user's groups say holds for codes too: when one is asked for, mailed and used.

use serde_json::{Value, json};

use super::{USER, World};
use crate::domain::group::{Group, GroupDraft};
use crate::domain::sealer::Sealer;
use crate::domain::username::NamingRules;

impl World {
    async fn put_group(&self, filters: Value) {
        let draft = json!({"name": "g", "user_settings": {"filters": filters}});
        let draft: GroupDraft = serde_json::from_value(draft).unwrap();
        let group: Group = draft.settle(NamingRules::default(), &Sealer::default(), None).unwrap();
        self.store.write(move |txn| txn.put_item(&group)).await.unwrap();
    }
}

#[tokio::test]
async fn whom_a_group_keeps_out_gets_no_mail_and_no_password() {
    for (filters, why) in [
        (json!({"denied_protocols": ["HTTP"]}), "Unable to associate"),
        (json!({"denied_login_methods": ["password"]}), "Unable to associate"),
        (json!({"denied_ip": ["192.0.2.0/24"]}), "Unable to associate"),
        (json!({"web_client": ["password-reset-disabled"]}), "you are not allowed"),
        (json!({"password_strength": 500}), "insecure password"),
    ] {
        let world = World::new().await;
        world.put_group(json!({})).await;
        let member =
            json!({"username": "bea", "email": "bea@example.com", "groups": [{"name": "g", "type": 1}]});
        world.add_user(member).await;
        let code = world.code(USER, "bea").await;
        world.put_group(filters.clone()).await;
        let refused = world.reset(USER, "bea", &code).await;
        assert!(refused.starts_with(why), "{filters}: {refused}");
        world.put_group(json!({})).await;
        assert_eq!(world.reset(USER, "bea", &code).await, "ok user/bea", "the code stays valid: {filters}");
        world.put_group(filters.clone()).await;
        let is_let_in = filters.get("password_strength").is_some();
        assert_eq!(world.mails_after(USER, "bea").await.len(), usize::from(is_let_in), "{filters}");
    }
}
