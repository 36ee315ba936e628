// Commands that look: who hit what, why, and how the server is.
#include <algorithm>

#include "resolver/base/address.h"
#include "resolver/base/clock.h"
#include "resolver/base/text.h"
#include "resolver/cli/answer.h"

namespace cenote {
namespace {

std::vector<Cell> hit_cells(const Json& hit) {
  const std::string action = text_of(hit, "action");
  const std::string client_name = text_of(hit, "client_name");
  const uint64_t omitted = number_of(hit, "omitted");
  const std::string count = std::to_string(std::max<uint64_t>(1, number_of(hit, "count")));
  return {local_time(text_of(hit, "time")),
          text_of(hit, "client") + (client_name.empty() ? "" : " " + client_name),
          text_of(hit, "name"),
          text_of(hit, "type"),
          Cell(action, colour_of_action(action)),
          text_of(hit, "category"),
          text_of(hit, "feed"),
          text_of(hit, "incident"),
          Cell(omitted == 0 ? count : fmt::format("{} and {} others", count, omitted))};
}

int follow_hits(const CommandContext& context, const std::string& target) {
  // A server that sends no end of a line is none of ours.
  constexpr size_t kMostLine = 1U << 20;
  std::string pending;
  const auto on_piece = [&](std::string_view piece) {
    pending += piece;
    for (size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      if (line.empty()) {  // the server keeps the connection alive
        continue;
      }
      const Json hit = parse_answer(line);
      if (context.is_json) {
        context.output.raw(line + "\n");
      } else if (hit.is_object()) {
        context.output.line(hit_cells(hit));
      }
    }
    context.output.flush();
    return pending.size() <= kMostLine;
  };
  const auto response = context.api.follow({"GET", target, "", {}}, on_piece);
  if (!response || response->status != 200) {
    context.output.error(response ? error_of(*response) : response.error().message);
    return 1;
  }
  return 0;
}

void show_pairs(Output& output, const std::vector<std::pair<std::string, Cell>>& pairs) {
  size_t width = 0;
  for (const auto& [key, value] : pairs) {
    width = std::max(width, key.size());
  }
  for (const auto& [key, value] : pairs) {
    if (!value.text.empty()) {
      output.line({Cell("  " + key + std::string(width - key.size(), ' '), Colour::kFaint), value});
    }
  }
}

std::string covers(const std::string& indicator, const std::string& scope) {
  if (Prefix::from_text(indicator)) {
    return indicator;  // an address or a block
  }
  return scope == "suffix"  ? indicator + " and everything below it"
         : scope == "below" ? "everything below " + indicator
                            : "exactly " + indicator;
}

void show_explanation(Output& output, const Json& body) {
  const std::string verdict = text_of(body, "verdict");
  output.line(
      {Cell(text_of(body, "name"), Colour::kBold), text_of(body, "type"), "for", text_of(body, "client")});
  std::vector<std::pair<std::string, Cell>> pairs{
      {"verdict", flag_of(body, "may_ask") ? Cell(verdict, colour_of_action(verdict))
                                           : Cell("refused: this client may not ask", Colour::kRed)},
      {"generation", Cell::number(number_of(body, "generation"))},
      {"known as", text_of(body, "client_name")},
      {"shows", flag_of(body, "by_certificate") ? "a certificate" : ""},
      {"group", text_of(body, "group")}};
  if (const auto match = body.find("match"); match != body.end()) {
    pairs.emplace_back("because",
                       fmt::format("{} lists {}", text_of(*match, "feed"),
                                   covers(text_of(*match, "indicator"), text_of(*match, "scope"))));
    pairs.emplace_back("category", text_of(*match, "category"));
    pairs.emplace_back("confidence", Cell::number(number_of(*match, "confidence")));
    pairs.emplace_back("threat", text_of(*match, "threat"));
    pairs.emplace_back("reference", text_of(*match, "reference"));
  }
  pairs.emplace_back("upstream", text_of(body, "upstream_zone"));
  show_pairs(output, pairs);
  std::vector<std::vector<Cell>> rows;
  for (const Json& step : list_of(body, "steps")) {
    const std::string action = text_of(step, "action");
    const std::string fate = text_of(step, "fate");
    const std::string whom = whom_of(step);
    std::string why = text_of(step, text_of(step, "threat").empty() ? "note" : "threat");
    why += whom.empty() ? "" : " (for " + whom + ")";
    rows.push_back({Cell(fate, fate == "won" ? Colour::kBold : Colour::kFaint), text_of(step, "indicator"),
                    text_of(step, "scope"), text_of(step, "feed"), text_of(step, "category"),
                    Cell(action, colour_of_action(action)), Cell::number(number_of(step, "confidence")),
                    why});
  }
  if (rows.empty()) {
    output.line({"no feed lists it or a name above it"});
  } else {
    output.table({"FATE", "INDICATOR", "SCOPE", "FEED", "CATEGORY", "ACTION", "CONFIDENCE", "THREAT"}, rows);
  }
}

// What is wrong with state_dir; nothing where all is well.
void show_state(Output& output, const Json& state) {
  for (const Json& loss : list_of(state, "losses")) {
    output.line({Cell("state_dir: " + (loss.is_string() ? loss.get<std::string>() : ""), Colour::kRed)});
  }
  if (const uint64_t count = number_of(state, "set_aside"); count != 0) {
    output.line({Cell(
        fmt::format("state_dir: {} set aside (*.damaged, *.lost)", counted(count, "file is", "files are")),
        Colour::kRed)});
  }
  if (const uint64_t count = number_of(state, "audit_waiting"); count != 0) {
    output.line(
        {Cell(fmt::format("audit.jsonl: {} to be written", counted(count, "entry waits", "entries wait")),
              Colour::kRed)});
  }
}

void show_server(Output& output, const Json& body) {
  const Json empty = Json::object();
  const auto part = [&](const char* key) -> const Json& {
    const auto found = body.find(key);
    return found == body.end() ? empty : *found;
  };
  const Json& queries = part("queries");
  output.line({Cell("cenote " + text_of(body, "version"), Colour::kBold), "up",
               to_text(milliseconds(seconds(static_cast<int64_t>(number_of(body, "uptime_seconds")))))});
  std::string listeners;
  for (const Json& listener : list_of(body, "listeners")) {
    listeners += (listeners.empty() ? "" : ", ") + (listener.is_string() ? listener.get<std::string>() : "");
  }
  const uint64_t dropped = number_of(body, "events_dropped");
  show_pairs(
      output,
      {{"generation", fmt::format("{}: {}, {}, {}", number_of(body, "generation"),
                                  counted(number_of(body, "names"), "name", "names"),
                                  counted(number_of(body, "addresses"), "address", "addresses"),
                                  size_text(number_of(body, "snapshot_bytes")))},
       {"listening", listeners},
       {"queries", fmt::format("{}: {} blocked, {} monitored, {} cached, {} forwarded, {} failed",
                               number_of(queries, "received"), number_of(queries, "blocked"),
                               number_of(queries, "monitored"), number_of(queries, "cached"),
                               number_of(queries, "forwarded"), number_of(queries, "upstream_failures"))},
       {"cache", fmt::format("{}, {}", counted(number_of(part("cache"), "entries"), "answer", "answers"),
                             size_text(number_of(part("cache"), "bytes")))},
       {"events", dropped == 0 ? Cell("") : Cell(fmt::format("{} were dropped", dropped), Colour::kRed)}});
  show_state(output, part("state"));
  for (const Json& fault : list_of(body, "faults")) {
    output.line({Cell(flag_of(fault, "off") ? "  off     " : "  impaired", Colour::kRed),
                 text_of(fault, "part") + ": " + text_of(fault, "why")});
  }
  std::vector<std::vector<Cell>> upstreams;
  for (const Json& one : list_of(body, "upstreams")) {
    upstreams.push_back({text_of(one, "zone"), text_of(one, "server"),
                         flag_of(one, "down") ? Cell("down", Colour::kRed) : Cell("up", Colour::kGreen),
                         Cell::number(number_of(one, "asked")), Cell::number(number_of(one, "answered")),
                         Cell::number(number_of(one, "timed_out")),
                         Cell::number(number_of(one, "round_trip_ms"))});
  }
  output.table({"ZONE", "UPSTREAM", "STATE", "ASKED", "ANSWERED", "TIMED OUT", "MS"}, upstreams);
  std::vector<std::vector<Cell>> feeds;
  for (const Json& feed : list_of(body, "feeds")) {
    const std::string error = text_of(feed, "error");
    feeds.push_back({text_of(feed, "name"), Cell::number(number_of(feed, "entries")),
                     local_time(text_of(feed, "last_success")),
                     error.empty() ? Cell("ok", Colour::kGreen) : Cell(error, Colour::kRed)});
  }
  output.table({"FEED", "ENTRIES", "LAST GOOD", "STATE"}, feeds);
}

void show_reasons(Output& output, const Json& body, bool is_ready) {
  output.line({is_ready ? Cell("ready", Colour::kGreen) : Cell("not ready", Colour::kRed)});
  for (const char* name : {"resolution", "policy"}) {
    const Json part = body.value(name, Json::object());
    for (const Json& why : list_of(part, "why")) {
      output.line({fmt::format("  {}: {}", name, why.is_string() ? why.get<std::string>() : "")});
    }
  }
  for (const Json& feed : list_of(body, "stale_feeds")) {
    output.line({fmt::format("  feed {}: {}", text_of(feed, "feed"), text_of(feed, "why"))});
  }
}

}  // namespace

int show_status(const CommandContext& context) {
  return ask(context, {"GET", "/v1/status", "", {}},
             [&](const Json& body) { show_server(context.output, body); });
}

// Not by ask(): 503 is an answer here, too.
int show_readiness(const CommandContext& context, bool wants_fresh) {
  const auto response =
      context.api.exchange({"GET", wants_fresh ? "/readyz?policy=fresh" : "/readyz", "", {}});
  if (!response) {
    context.output.error(response.error().message);
    return 1;
  }
  const Json body = parse_answer(response->body);
  if (!body.is_object() || !body.contains("ready")) {
    context.output.error(error_of(*response));
    return 1;
  }
  const bool is_ready = response->status == 200 && flag_of(body, "ready");
  if (context.is_json) {
    context.output.raw(response->body);
  } else {
    show_reasons(context.output, body, is_ready);
  }
  return is_ready ? 0 : 1;
}

int explain_name(const CommandContext& context, const std::string& name, const ExplainArguments& arguments) {
  const std::string target =
      "/v1/explain" + query_string({{"name", name},
                                    {"client", arguments.client},
                                    {"client_name", arguments.client_name},
                                    {"by_certificate", arguments.has_certificate ? "1" : ""},
                                    {"type", arguments.type}});
  return ask(context, {"GET", target, "", {}},
             [&](const Json& body) { show_explanation(context.output, body); });
}

int show_hits(const CommandContext& context, const HitArguments& arguments) {
  const std::string target =
      "/v1/hits" + query_string({{"follow", arguments.follows ? "1" : ""},
                                 {"client", arguments.client},
                                 {"client_name", arguments.client_name},
                                 {"name", arguments.name},
                                 {"since", arguments.since},
                                 {"limit", arguments.limit == 0 ? "" : std::to_string(arguments.limit)}});
  if (arguments.follows) {
    return follow_hits(context, target);
  }
  return ask(context, {"GET", target, "", {}}, [&](const Json& body) {
    std::vector<std::vector<Cell>> rows;
    for (const Json& hit : list_of(body, "hits")) {
      rows.push_back(hit_cells(hit));
    }
    context.output.table({"TIME", "CLIENT", "NAME", "TYPE", "ACTION", "CATEGORY", "FEED", "INCIDENT", "HITS"},
                         rows);
  });
}

int show_incident(const CommandContext& context, const std::string& id) {
  return ask(context, {"GET", "/v1/incidents/" + percent_encoded(id), "", {}}, [&](const Json& body) {
    const Json hit = body.value("newest", Json::object());
    const std::string action = text_of(hit, "action");
    context.output.line({Cell("incident " + text_of(body, "incident"), Colour::kBold)});
    std::string matched = text_of(hit, "matched");
    if (const std::string indicator = text_of(hit, "indicator"); !indicator.empty()) {
      matched = covers(indicator, text_of(hit, "scope"));
    }
    show_pairs(context.output, {{"client", text_of(hit, "client")},
                                {"known as", text_of(hit, "client_name")},
                                {"group", text_of(hit, "group")},
                                {"asked for", text_of(hit, "name") + " " + text_of(hit, "type")},
                                {"over", text_of(hit, "transport")},
                                {"first", local_time(text_of(body, "first"))},
                                {"last", local_time(text_of(body, "last"))},
                                {"hits", Cell::number(number_of(body, "hits"))},
                                {"action", Cell(action, colour_of_action(action))},
                                {"because", fmt::format("{} lists {}", text_of(hit, "feed"), matched)},
                                {"category", text_of(hit, "category")},
                                {"threat", text_of(hit, "threat")},
                                {"reference", text_of(hit, "reference")},
                                {"confidence", Cell::number(number_of(hit, "confidence"))},
                                {"generation", Cell::number(number_of(hit, "generation"))}});
  });
}

}  // namespace cenote
