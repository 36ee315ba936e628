#include "resolver/control/explanation.h"

#include <catch2/catch.hpp>

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

}  // namespace cenote::explanation_test
