// Commands about feeds, generations, single indicators and exceptions: what is blocked, and who changed it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "resolver/base/text.h"
#include "resolver/cli/answer.h"

namespace cenote {
namespace {

// The request sends the file as it reads it. False: it cannot be read.
bool send_file(const std::string& file, ApiRequest& request) {
  if (file == "-") {
    request.stream = std::shared_ptr<std::istream>(&std::cin, [](std::istream*) {});
    return true;
  }
  std::error_code error;
  auto in = std::make_shared<std::ifstream>(file, std::ios::binary);
  if (!*in || std::filesystem::is_directory(file, error)) {
    return false;
  }
  if (std::filesystem::is_regular_file(file, error)) {  // else a pipe, which has no size
    const uint64_t size = std::filesystem::file_size(file, error);
    request.stream_size = error ? std::nullopt : std::optional(size);
  }
  request.stream = std::move(in);
  return true;
}

void show_rejects(Output& output, const Json& rejects) {
  const bool has_why = std::any_of(rejects.begin(), rejects.end(),
                                   [](const Json& row) { return !text_of(row, "why").empty(); });
  std::vector<std::vector<Cell>> rows;
  for (const Json& row : rejects) {
    rows.push_back({Cell::number(number_of(row, "line")),
                    flag_of(row, "held") ? Cell("held", Colour::kYellow) : Cell("rejected", Colour::kRed),
                    text_of(row, "reason"), text_of(row, "text")});
    if (has_why) {
      rows.back().emplace_back(text_of(row, "why"));
    }
  }
  std::vector<std::string> heads{"LINE", "", "REASON", "TEXT"};
  if (has_why) {
    heads.emplace_back("WHY");
  }
  if (!rows.empty()) {
    output.table(heads, rows);
  }
}

void show_change(Output& output, const Json& result, std::string_view did) {
  output.line({Cell(fmt::format("{} {}", did, number_of(result, "generation")), Colour::kBold)});
  output.line({Cell(fmt::format("  added {}, removed {}, unchanged {}, rejected {}, held {}",
                                number_of(result, "added"), number_of(result, "removed"),
                                number_of(result, "unchanged"), number_of(result, "rejected"),
                                number_of(result, "held")))});
  if (const auto held = result.find("held_change"); held != result.end()) {
    output.line({Cell("  would be held as a whole: " + text_of(*held, "why"), Colour::kYellow)});
  }
  show_rejects(output, list_of(result, "rejects"));
}

void show_entries(Output& output, const Json& of, const char* key, const char* sign, Colour colour) {
  for (const Json& entry : list_of(of, key)) {
    output.line(
        {Cell(fmt::format("  {} {}", sign, entry.is_string() ? entry.get<std::string>() : ""), colour)});
  }
}

// What a push would do, beside the numbers: which entries, and what people would notice.
void show_preview(Output& output, const Json& result) {
  show_change(output, result, "nothing changed; in force: generation");
  show_entries(output, result, "first_added", "+", Colour::kGreen);
  show_entries(output, result, "first_removed", "-", Colour::kRed);
  std::vector<std::vector<Cell>> rows;
  for (const Json& name : list_of(result, "traffic")) {
    const std::string before = text_of(name, "before");
    const std::string after = text_of(name, "after");
    rows.push_back({text_of(name, "name"), Cell(before, colour_of_action(before)),
                    Cell(after, colour_of_action(after)), Cell::number(number_of(name, "clients"))});
  }
  if (!rows.empty()) {
    output.table({"RECENTLY ASKED FOR", "NOW", "THEN", "CLIENTS"}, rows);
  }
}

int change(const CommandContext& context, ApiRequest request) {
  return ask(context, request,
             [&](const Json& result) { show_change(context.output, result, "in force: generation"); });
}

ApiRequest with_json(std::string method, std::string target, const Json& body) {
  return {std::move(method),
          std::move(target),
          body.dump(-1, ' ', true, Json::error_handler_t::replace),
          {{"Content-Type", "application/json"}}};
}

void put_if_given(Json& body, const char* key, const std::string& value) {
  if (!value.empty()) {
    body[key] = value;
  }
}

// nullopt: the file cannot be read, and that was said.
std::optional<ApiRequest> put_request(const CommandContext& context, const PushArguments& arguments,
                                      bool is_dry) {
  ApiRequest request{"PUT",
                     "/v1/feeds/" + percent_encoded(arguments.feed) +
                         query_string({{"format", arguments.format}, {"dry_run", is_dry ? "1" : ""}}),
                     "",
                     {{"Content-Type", "application/octet-stream"}}};
  if (!send_file(arguments.file, request)) {
    context.output.error(fmt::format("cannot read {}", printable(arguments.file)));
    return std::nullopt;
  }
  constexpr size_t kLarge = 4U << 20;  // takes long enough that people wonder
  if (const uint64_t size = request.stream_size.value_or(0); size >= kLarge && !context.is_json) {
    request.on_sent = [&output = context.output, size](uint64_t sent) {
      output.progress(sent < size ? "sending" : "sent, and being built", sent, size);
    };
  }
  if (!arguments.idempotency_key.empty()) {
    request.headers.emplace_back("Idempotency-Key", arguments.idempotency_key);
  }
  return request;
}

}  // namespace

int list_feeds(const CommandContext& context) {
  return ask(context, {"GET", "/v1/feeds", "", {}}, [&](const Json& body) {
    std::vector<std::vector<Cell>> rows;
    for (const Json& feed : list_of(body, "feeds")) {
      const std::string action = text_of(feed, "action");
      const std::string error = text_of(feed, "error");
      rows.push_back({text_of(feed, "name"), text_of(feed, "category"),
                      Cell(action, colour_of_action(action)), Cell::number(number_of(feed, "entries")),
                      Cell::number(number_of(feed, "rejected")), Cell::number(number_of(feed, "held")),
                      Cell::number(number_of(feed, "generation")), local_time(text_of(feed, "last_success")),
                      error.empty() ? Cell("ok", Colour::kGreen) : Cell(error, Colour::kRed)});
    }
    context.output.table(
        {"FEED", "CATEGORY", "ACTION", "ENTRIES", "REJECTED", "HELD", "GENERATION", "LAST GOOD", "STATE"},
        rows);
  });
}

int push_feed(const CommandContext& context, const PushArguments& arguments) {
  const auto request = put_request(context, arguments, false);
  return request ? change(context, *request) : 1;
}

int diff_feed(const CommandContext& context, const PushArguments& arguments) {
  const auto request = put_request(context, arguments, true);
  return request ? ask(context, *request, [&](const Json& result) { show_preview(context.output, result); })
                 : 1;
}

int diff_generations(const CommandContext& context, const std::string& from, const std::string& to) {
  const std::string target = "/v1/generations/" + percent_encoded(from) + "/diff/" + percent_encoded(to);
  return ask(context, {"GET", target, "", {}}, [&](const Json& body) {
    if (list_of(body, "feeds").empty()) {
      context.output.line({Cell(fmt::format("generations {} and {} list the same", from, to))});
    }
    for (const Json& feed : list_of(body, "feeds")) {
      context.output.line({Cell(text_of(feed, "feed"), Colour::kBold)});
      context.output.line({Cell(fmt::format("  added {}, removed {}, unchanged {}", number_of(feed, "added"),
                                            number_of(feed, "removed"), number_of(feed, "unchanged")))});
      show_entries(context.output, feed, "first_added", "+", Colour::kGreen);
      show_entries(context.output, feed, "first_removed", "-", Colour::kRed);
    }
  });
}

int export_indicators(const CommandContext& context, const ExportArguments& arguments) {
  const auto response = context.api.exchange({"GET",
                                              "/v1/export" + query_string({{"format", arguments.format},
                                                                           {"feed", arguments.feed},
                                                                           {"category", arguments.category}}),
                                              "",
                                              {}});
  if (!response || response->status != 200) {
    context.output.error(response ? error_of(*response) : response.error().message);
    return 1;
  }
  if (context.is_json) {
    context.output.raw(Json{{"format", arguments.format}, {"text", response->body}}.dump() + "\n");
  } else {
    context.output.raw(response->body);
  }
  return 0;
}

int refresh_feed(const CommandContext& context, const std::string& feed) {
  return change(context, {"POST", "/v1/feeds/" + percent_encoded(feed) + "/refresh", "", {}});
}

int list_rejects(const CommandContext& context, const std::string& feed) {
  return ask(context, {"GET", "/v1/feeds/" + percent_encoded(feed) + "/rejects", "", {}},
             [&](const Json& body) {
               const Json& rejects = list_of(body, "rejects");
               show_rejects(context.output, rejects);
               if (rejects.empty()) {
                 context.output.line({Cell(fmt::format("every line of {} was taken", feed))});
               }
             });
}

int list_generations(const CommandContext& context) {
  return ask(context, {"GET", "/v1/generations", "", {}}, [&](const Json& body) {
    std::vector<std::vector<Cell>> rows;
    for (const Json& one : list_of(body, "generations")) {
      const bool is_current = flag_of(one, "current");
      rows.push_back({Cell::number(number_of(one, "generation")), local_time(text_of(one, "time")),
                      Cell::number(number_of(one, "names")), Cell::number(number_of(one, "addresses")),
                      is_current                      ? Cell("current", Colour::kGreen)
                      : flag_of(one, "can_roll_back") ? Cell("kept")
                                                      : Cell("gone", Colour::kFaint),
                      text_of(one, "who"), text_of(one, "what")});
    }
    context.output.table({"GENERATION", "MADE", "NAMES", "ADDRESSES", "", "WHO", "WHAT"}, rows);
  });
}

int roll_back(const CommandContext& context, const std::string& generation) {
  std::string target = generation;
  if (target.empty()) {
    const auto response = context.api.exchange({"GET", "/v1/generations", "", {}});
    if (!response || response->status != 200) {
      context.output.error(response ? error_of(*response) : response.error().message);
      return 1;
    }
    const Json body = parse_answer(response->body);
    for (const Json& one : list_of(body, "generations")) {  // newest first
      if (!flag_of(one, "current") && flag_of(one, "can_roll_back")) {
        target = std::to_string(number_of(one, "generation"));
        break;
      }
    }
    if (target.empty()) {
      context.output.error("there is no earlier generation to go back to");
      return 1;
    }
  }
  return change(context, {"POST", "/v1/generations/" + percent_encoded(target) + "/rollback", "", {}});
}

int add_indicator(const CommandContext& context, const IndicatorArguments& arguments) {
  Json body{{"name", arguments.name}, {"feed", arguments.feed}, {"reason", arguments.reason}};
  put_if_given(body, "category", arguments.category);
  put_if_given(body, "until", arguments.until);
  if (arguments.is_exact) {
    body["exact"] = true;
  }
  if (arguments.force) {
    body["force"] = true;
  }
  return change(context, with_json("POST", "/v1/indicators", body));
}

int remove_indicator(const CommandContext& context, const std::string& name, const std::string& feed) {
  return change(
      context,
      {"DELETE", "/v1/indicators/" + percent_encoded(name) + query_string({{"feed", feed}}), "", {}});
}

int find_indicator(const CommandContext& context, const std::string& name) {
  const auto show = [&](const Json& body) {
    std::vector<std::vector<Cell>> rows;
    for (const Json& entry : list_of(body, "entries")) {
      const std::string action = text_of(entry, "action");
      rows.push_back({text_of(entry, "indicator"), text_of(entry, "scope"), text_of(entry, "feed"),
                      text_of(entry, "category"), Cell(action, colour_of_action(action)),
                      text_of(entry, "fate"), text_of(entry, "threat")});
    }
    if (rows.empty()) {
      context.output.line({Cell(fmt::format("no feed lists {} or a name above it", name))});
    } else {
      context.output.table({"INDICATOR", "SCOPE", "FEED", "CATEGORY", "ACTION", "FATE", "THREAT"}, rows);
    }
  };
  return ask(context, {"GET", "/v1/indicators" + query_string({{"name", name}}), "", {}}, show,
             [](const Json& body) { return !list_of(body, "entries").empty(); });
}

int allow_name(const CommandContext& context, const AllowArguments& arguments) {
  Json body{{"name", arguments.name}, {"reason", arguments.reason}};
  put_if_given(body, "for", arguments.duration);
  put_if_given(body, "until", arguments.until);
  put_if_given(body, "client", arguments.client);
  put_if_given(body, "group", arguments.group);
  if (arguments.is_exact) {
    body["exact"] = true;
  }
  return change(context, with_json("POST", "/v1/exceptions", body));
}

int list_exceptions(const CommandContext& context) {
  return ask_all(context, "/v1/exceptions", "exceptions", [&](const Json& body) {
    std::vector<std::vector<Cell>> rows;
    for (const Json& one : list_of(body, "exceptions")) {
      const std::string whom = whom_of(one);
      rows.push_back({text_of(one, "name"), flag_of(one, "exact") ? "exact" : "suffix",
                      whom.empty() ? "everybody" : whom, local_time(text_of(one, "until")),
                      text_of(one, "who"), text_of(one, "reason")});
    }
    context.output.table({"NAME", "SCOPE", "CLIENT", "UNTIL", "WHO", "REASON"}, rows);
  });
}

int remove_exception(const CommandContext& context, const std::string& name) {
  return change(context, {"DELETE", "/v1/exceptions/" + percent_encoded(name), "", {}});
}

}  // namespace cenote
