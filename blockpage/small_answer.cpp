#include "blockpage/small_answer.h"

#include <nlohmann/json.hpp>

#include "blockpage/safe_response.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

// 16 by 16 and faint: where an advertisement is missing it says "withheld", not "broken".
constexpr std::string_view kPicture =
    R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 72" width="16" height="16">)"
    R"(<path fill="#7b8a94" d="M32 2 6 11v22c0 17.5 10.6 29.6 26 37 15.4-7.4 26-19.5 26-37V11L32 2Z"/>)"
    R"(<path fill="none" stroke="#fff" stroke-width="5" stroke-linecap="round" d="m22 44 20-20"/></svg>)";

std::string to_json(const Incident& incident, const BlockpageSettings& settings) {
  const Verdict& verdict = incident.verdict;
  nlohmann::ordered_json json{{"blocked", true},
                              {"incident", incident.id.to_text().view()},
                              {"time", to_rfc3339(incident.time)},
                              {"host", incident.host.to_text()},
                              {"category", printable(verdict.category)},
                              {"threat", printable(verdict.threat)},
                              {"feed", printable(verdict.feed)},
                              {"action", to_text(verdict.action)},
                              {"organisation", settings.organisation}};
  json["contact"] = {{"mail", settings.contact_mail}, {"phone", settings.contact_phone}};
  // `replace`: the configuration may hold bytes that are not UTF-8, and dump() would throw.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

HttpResponse small_answer(Wanted wanted, const Incident& incident, const BlockpageSettings& settings) {
  constexpr int kForbidden = 403;
  switch (wanted) {
    case Wanted::kJson:
      return safe_response(kForbidden, "application/json", to_json(incident, settings));
    case Wanted::kImage:
      return safe_response(kForbidden, "image/svg+xml", std::string(kPicture));
    case Wanted::kScript:
      return safe_response(kForbidden, "text/javascript", {});
    case Wanted::kStyle:
      return safe_response(kForbidden, "text/css", {});
    case Wanted::kFont:
      return safe_response(kForbidden, "font/woff2", {});
    case Wanted::kPage:
    case Wanted::kNothing:
      break;
  }
  return safe_response(kForbidden, {}, {});
}

}  // namespace cenote
