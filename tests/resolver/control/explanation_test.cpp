#include "resolver/control/explanation.h"

#include <catch2/catch.hpp>

#include "ioc/feed.h"
#include "ioc/updater.h"
#include "tests/support/fake_snapshot.h"

namespace cenote::explanation_test {
using namespace cenote::test;

namespace {

// Outside of what is allowed, with a group of names for which the listed name is no more than recorded.
Explanation explain_for(const std::string& client_name, bool has_certificate) {
  PolicySettings settings;
  settings.clients.certificates = true;
  settings.clients.groups = {{"kiosks", {}, {"*.kiosks.example"}, {{"malware", Action::kMonitor}}}};
  Policy policy(settings);
  Listed listed;
  listed.what = "evil.test";
  policy.adopt(std::make_shared<FakeSnapshot>(std::vector{listed}));
  ExplainQuestion question;
  question.name = *Name::from_text("www.evil.test");
  question.client = *IpAddress::from_text("192.0.2.1");
  question.client_name = client_name;
  question.has_certificate = has_certificate;
  return explain(policy, question);
}

}  // namespace

TEST_CASE("a client is explained by the rules that its questions meet: address, certificate and name",
          "[control][explanation]") {
  const auto [name, has_certificate, may_ask, group, action] =
      GENERATE(table<std::string, bool, bool, std::string, Action>({
          {"", false, false, "", Action::kSinkhole},
          {"a.kiosks.example", false, false, "kiosks", Action::kMonitor},
          {"a.kiosks.example", true, true, "kiosks", Action::kMonitor},
          {"", true, true, "", Action::kSinkhole},
      }));
  CAPTURE(name, has_certificate);
  const Explanation explanation = explain_for(name, has_certificate);
  CHECK(explanation.may_ask == may_ask);
  CHECK(explanation.group == group);
  CHECK(explanation.verdict.action == action);
  REQUIRE(explanation.steps.size() == 1);
  CHECK(explanation.steps[0].action == action);
}

TEST_CASE("it is told whom an exception is for, and whether the client is among them",
          "[control][explanation]") {
  PolicySettings settings;
  settings.clients.groups = {{"lab", {*Prefix::from_text("10.9.0.0/16")}, {}, {}}};
  Policy policy(settings);
  Listed listed;
  listed.what = "evil.test";
  listed.source_ref = "case 1";
  Listed allowed = listed;
  allowed.feed = kExceptionsFeed;
  allowed.action = Action::kAllow;
  allowed.source_ref = for_group("lab");
  policy.adopt(std::make_shared<FakeSnapshot>(std::vector{listed, allowed}));
  const auto [client, action, fate, of_list] = GENERATE(table<std::string, Action, std::string, std::string>({
      {"10.9.0.1", Action::kPass, "exception", "excepted"},
      {"10.8.0.1", Action::kSinkhole, "other-client", "won"},
  }));
  CAPTURE(client);
  ExplainQuestion question;
  question.name = *Name::from_text("evil.test");
  question.client = *IpAddress::from_text(client);
  const Explanation explanation = explain(policy, question);
  CHECK(explanation.verdict.action == action);
  REQUIRE(explanation.steps.size() == 2);
  for (const ExplainStep& step : explanation.steps) {
    const bool is_exception = step.feed == kExceptionsFeed;
    CHECK(step.fate == (is_exception ? fate : of_list));
    CHECK(step.excepted == (is_exception ? "group:lab" : ""));
  }
}

TEST_CASE("an address is explained with the IPv4 address inside of it", "[control][explanation]") {
  Policy policy{PolicySettings{}};
  Listed listed;
  listed.what = "203.0.113.0/24";
  policy.adopt(std::make_shared<FakeSnapshot>(std::vector{listed}));
  ExplainQuestion question;
  question.address = *IpAddress::from_text("64:ff9b::203.0.113.5");
  question.client = *IpAddress::from_text("10.0.0.1");
  const Explanation explanation = explain(policy, question);
  CHECK(explanation.verdict.blocks());
  CHECK(matched_by(explanation) == "203.0.113.0/24");
  REQUIRE(explanation.steps.size() == 1);
  CHECK(explanation.steps[0].indicator == "203.0.113.0/24");
  CHECK(explanation.steps[0].fate == "won");
}

}  // namespace cenote::explanation_test
