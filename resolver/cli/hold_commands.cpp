// Commands about what waits for a person, and about who changed what.
#include <map>
#include <set>

#include "ioc/audit_log.h"
#include "resolver/base/text.h"
#include "resolver/cli/answer.h"

namespace cenote {
namespace {

void show_held(Output& output, const Json& body) {
  std::vector<std::vector<Cell>> rows;
  for (const Json& row : list_of(body, "entries")) {
    rows.push_back({text_of(row, "feed"), text_of(row, "text"), text_of(row, "scope"),
                    Cell(text_of(row, "reason"), Colour::kYellow), text_of(row, "why")});
  }
  for (const Json& change : list_of(body, "changes")) {
    output.line({Cell(fmt::format("{}: {} of {} by {}", text_of(change, "feed"), text_of(change, "what"),
                                  local_time(text_of(change, "time")), text_of(change, "who")),
                      Colour::kBold)});
    output.line({Cell("  " + text_of(change, "why"), Colour::kYellow)});
    output.line({Cell(
        fmt::format("  cenote feed release {0} --change, or refuse {0} --change", text_of(change, "feed")))});
  }
  if (!rows.empty()) {
    output.table({"FEED", "ENTRY", "SCOPE", "REASON", "WHY"}, rows);
  } else if (list_of(body, "changes").empty()) {
    output.line({"nothing is held"});
  }
}

int decide(const CommandContext& context, const HoldArguments& arguments, const char* verb) {
  Json body = Json::object();
  if (!arguments.names.empty()) {
    body["names"] = arguments.names;
  }
  if (arguments.all) {
    body["all"] = true;
  }
  if (arguments.change) {
    body["change"] = true;
  }
  if (!arguments.reason.empty()) {
    body["reason"] = arguments.reason;
  }
  const ApiRequest request{"POST",
                           "/v1/feeds/" + percent_encoded(arguments.feed) + "/" + verb,
                           body.dump(-1, ' ', true, Json::error_handler_t::replace),
                           {{"Content-Type", "application/json"}}};
  return ask(context, request, [&](const Json& result) {
    context.output.line(
        {Cell(fmt::format("in force: generation {}", number_of(result, "generation")), Colour::kBold)});
    context.output.line({Cell(fmt::format("  added {}, removed {}, still held {}", number_of(result, "added"),
                                          number_of(result, "removed"), number_of(result, "held")))});
  });
}

// What a feed on trial would have blocked: its monitored names, with how often and how many asked.
int show_monitored(const CommandContext& context, const std::string& feed) {
  return ask(context, {"GET", "/v1/hits?limit=10000", "", {}}, [&](const Json& body) {
    std::map<std::string, std::pair<uint64_t, std::set<std::string>>> names;
    for (const Json& hit : list_of(body, "hits")) {
      if (text_of(hit, "feed") == feed && text_of(hit, "action") == "monitor") {
        auto& [hits, clients] = names[text_of(hit, "name")];
        ++hits;
        clients.insert(text_of(hit, "client"));
      }
    }
    std::vector<std::vector<Cell>> rows;
    for (const auto& [name, seen] : names) {
      rows.push_back({name, Cell::number(seen.first), Cell::number(seen.second.size())});
    }
    context.output.line({Cell(fmt::format("of the hits in memory, {} would have blocked {}", feed,
                                          counted(names.size(), "name", "names")),
                              Colour::kBold)});
    if (!rows.empty()) {
      context.output.table({"NAME", "HITS", "CLIENTS"}, rows);
    }
  });
}

}  // namespace

int promote_feed(const CommandContext& context, const PromoteArguments& arguments) {
  if (!arguments.is_sure) {
    const int code = show_monitored(context, arguments.feed);
    if (code == 0 && !context.is_json) {
      context.output.line({"nothing changed; --yes ends the trial"});
    }
    return code;
  }
  const std::string target = "/v1/feeds/" + percent_encoded(arguments.feed) + "/promote" +
                             query_string({{"force", arguments.force ? "1" : ""}});
  return ask(context, {"POST", target, "", {}}, [&](const Json& result) {
    context.output.line({Cell(fmt::format("in force: generation {}: {} does what its configuration says",
                                          number_of(result, "generation"), arguments.feed),
                              Colour::kBold)});
  });
}

int list_held(const CommandContext& context, const std::string& feed) {
  return ask(context, {"GET", "/v1/held" + query_string({{"feed", feed}}), "", {}},
             [&](const Json& body) { show_held(context.output, body); });
}

int release_held(const CommandContext& context, const HoldArguments& arguments) {
  return decide(context, arguments, "release");
}

int refuse_held(const CommandContext& context, const HoldArguments& arguments) {
  return decide(context, arguments, "refuse");
}

int show_audit(const CommandContext& context, unsigned limit) {
  const std::string target = "/v1/audit" + query_string({{"limit", limit == 0 ? "" : std::to_string(limit)}});
  return ask(context, {"GET", target, "", {}}, [&](const Json& body) {
    std::vector<std::vector<Cell>> rows;
    for (const Json& one : list_of(body, "entries")) {
      const std::string outcome = text_of(one, "outcome");
      rows.push_back({Cell::number(number_of(one, "number")), local_time(text_of(one, "time")),
                      text_of(one, "who"), Cell(outcome, outcome == "done" ? Colour::kNone : Colour::kYellow),
                      Cell::number(number_of(one, "generation")), Cell::number(number_of(one, "added")),
                      Cell::number(number_of(one, "removed")), text_of(one, "what"), text_of(one, "why")});
    }
    context.output.table(
        {"NUMBER", "TIME", "WHO", "OUTCOME", "GENERATION", "ADDED", "REMOVED", "WHAT", "WHY"}, rows);
  });
}

int verify_audit(Output& output, const std::string& file, bool is_json) {
  const auto verified = AuditLog::verify(file);
  if (!verified) {
    output.error(printable(verified.error().message));
    return 1;
  }
  if (is_json) {
    output.raw(Json{{"lines", verified->lines}, {"head", verified->head}}.dump() + "\n");
  } else {
    output.line(
        {Cell(fmt::format("{} lines, each following from the one before; the last is", verified->lines))});
    output.line({Cell(verified->head)});
  }
  return 0;
}

}  // namespace cenote
