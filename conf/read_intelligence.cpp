// The sections about what is blocked: feeds, exceptions, and names that nothing may block.
#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/ranges.h>

#include "conf/sections.h"
#include "ioc/guards.h"
#include "ioc/parse.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

ValueKind<std::string> feed_name() {
  return {"a feed name: 1 to 62 of a-z 0-9 . _ -, beginning with a letter or digit",
          [](std::string_view text) -> std::optional<std::string> {
            const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
            const auto fits = [&](char c) { return is_word(c) || c == '.' || c == '_' || c == '-'; };
            // 62 bytes: what a verdict carries to events and answers.
            if (text.empty() || text.size() > 62 || !is_word(text[0]) ||
                !std::all_of(text.begin(), text.end(), fits)) {
              return std::nullopt;
            }
            return std::string(text);
          }};
}

ValueKind<std::string> feed_source() {
  return {R"("push", "file:PATH" or "https://...")", [](std::string_view text) -> std::optional<std::string> {
            const bool is_known = text == "push" || (text.starts_with("file:") && text.size() > 5) ||
                                  (text.starts_with("https://") && text.size() > 8);
            const bool is_clean = printable(text, 2000) == text;
            return is_known && is_clean ? std::optional(std::string(text)) : std::nullopt;
          }};
}

ValueKind<std::string> name_text() {
  return {"a domain name", [](std::string_view text) -> std::optional<std::string> {
            const auto name = Name::from_text(text);
            return name && !name->is_root() ? std::optional(name->to_text()) : std::nullopt;
          }};
}

// "25%", "off" for no limit: 0, or "auto".
ValueKind<int> percentage() {
  return {R"(auto, a share such as "25%", up to 10000%, or off)",
          [](std::string_view text) -> std::optional<int> {
            if (text == "off" || text == "auto") {
              return text == "off" ? 0 : kLearnt;
            }
            const auto number =
                text.ends_with('%') ? parse_number(text.substr(0, text.size() - 1), 10'000) : std::nullopt;
            return number && *number > 0 ? std::optional(static_cast<int>(*number)) : std::nullopt;
          }};
}

ValueKind<GuardAction> guard_action() {
  return {"one of hold, reject, off", [](std::string_view text) -> std::optional<GuardAction> {
            if (text == "off") {
              return GuardAction::kOff;
            }
            return text == "hold"     ? std::optional(GuardAction::kHold)
                   : text == "reject" ? std::optional(GuardAction::kReject)
                                      : std::nullopt;
          }};
}

void read_feed_guards(MapReader map, FeedGuards& guards) {
  const auto take = [&](std::string_view key, std::optional<GuardAction>& out) {
    GuardAction action{};
    if (map.value(key, action, guard_action())) {
      out = action;
    }
  };
  take("shared_host", guards.shared_host);
  take("private_suffix", guards.private_suffix);
  take("wide_block", guards.wide_block);
  map.finish();
}

void read_entry_guards(MapReader map, EntryGuards& guards) {
  map.value("top_site", guards.top_site, guard_action());
  map.value("protected_name", guards.protected_name, guard_action());
  map.value("warninglist", guards.warninglist, guard_action());
  map.value("shared_host", guards.shared_host, guard_action());
  map.value("private_suffix", guards.private_suffix, guard_action());
  map.value("wide_block", guards.wide_block, guard_action());
  map.finish();
}

// How a format is to be read; ioc/ knows what the values mean.
void read_options(MapReader& map, FeedSettings& feed, Findings& findings) {
  const auto take = [&](std::string_view key, const ValueKind<std::string>& kind) {
    std::string text;
    if (map.value(key, text, kind)) {
      feed.options[std::string(key)] = text;
    }
  };
  take("scope", one_of({"exact", "suffix"}));
  take("encoding", any_text(40));
  take("origin", any_text(255));
  take("column", any_text());
  take("header", any_text());
  take("delimiter", any_text(3));
  for (const char* column : {"type_column", "threat_column", "reference_column", "confidence_column",
                             "first_seen_column", "valid_until_column", "note_column"}) {
    take(column, any_text());
  }
  take("types", any_text());
  take("all_ids", one_of({"true", "false"}));
  if (const auto options = read_parse_options(feed.format, feed.options); !options) {
    findings.error(map.at(), fmt::format("feed {}: {}", feed.name, options.error().message));
  }
}

void check_source(const FeedSettings& feed, TextPosition at, ReadContext& context) {
  if (!context.looks_at_files || !feed.source.starts_with("file:")) {
    return;
  }
  const std::string path = context.resolved(feed.source.substr(5));
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) {
    context.findings.warning(
        at,
        fmt::format("feed {}: there is no file {}; the feed stays empty until there is", feed.name, path));
  }
}

void read_feed(MapReader& map, FeedSettings& feed, ReadContext& context) {
  map.value("name", feed.name, feed_name());
  if (!map.has("name")) {
    context.findings.error(map.at(), "a feed needs a name");
  }
  map.value("source", feed.source, feed_source());
  map.value("format", feed.format, one_of(format_names()));
  read_options(map, feed, context.findings);
  map.value("category", feed.category, category_name());
  map.value("action", feed.action, action());
  map.value("confidence", feed.confidence, whole_number(0, 100));
  map.value("min_confidence", feed.min_confidence, whole_number(0, 100));
  seconds refresh{std::chrono::duration_cast<seconds>(feed.refresh)};
  map.value("refresh", refresh, seconds_between(seconds{1}, std::chrono::hours{24 * 30}));
  feed.refresh = refresh;
  seconds monitor_for{};
  map.value("monitor_for", monitor_for, seconds_between(seconds{0}, std::chrono::hours{24 * 365}));
  feed.monitor_for = monitor_for;
  int share = 0;
  if (map.value("max_growth", share, percentage())) {
    feed.max_growth = share;
  }
  if (map.value("max_shrink", share, percentage())) {
    feed.max_shrink = share;
  }
  if (map.value("max_rejected", share, percentage())) {
    feed.max_rejected = share;
  }
  read_feed_guards(map.section("guards"), feed.guards);
  map.value("proxy", feed.proxy, any_text(300));
  if (map.value("auth_file", feed.auth_file, file_path())) {
    feed.auth_file = context.resolved(feed.auth_file);
  }
  if (map.value("ca_file", feed.ca_file, file_path())) {
    feed.ca_file = context.resolved(feed.ca_file);
  }
  map.value("threat", feed.threat, any_text());
  check_source(feed, map.at("source"), context);
}

// Whom it is for. REQUIRES: the section of the clients has been read.
void read_excepted(MapReader& map, ExceptionSettings& exception, const ReadContext& context) {
  Prefix client;
  if (map.value("client", client, prefix())) {
    exception.client = client.to_text();
  }
  std::string group;
  if (!map.value("group", group, any_text())) {
    return;
  }
  if (map.has("client")) {
    context.findings.error(map.at("group"), "an exception is for a client or for a group, not for both");
    return;
  }
  std::vector<std::string> known;
  for (const GroupSettings& one : context.settings.policy.clients.groups) {
    known.push_back(one.name);
  }
  if (std::find(known.begin(), known.end(), group) == known.end()) {
    context.findings.error(
        map.at("group"),
        fmt::format("clients.groups has no '{}'; {}", printable(group, 40),
                    known.empty() ? "it is empty" : fmt::format("it has {}", fmt::join(known, ", "))));
    return;
  }
  exception.client = for_group(group);
}

void read_exception(MapReader& map, ExceptionSettings& exception, const ReadContext& context) {
  map.value("name", exception.name, name_text());
  if (!map.has("name")) {
    context.findings.error(map.at(), "an exception needs a name");
  }
  map.value("exact", exception.exact, yes_or_no());
  map.value("reason", exception.reason, any_text());
  WallTime until;
  if (map.value("until", until, point_in_time())) {
    exception.until = until;
  }
  read_excepted(map, exception, context);
}

// Files that a guard needs are as good as its limits: one that is missing is told at the check.
void read_guard_paths(MapReader& map, GuardSettings& guards, ReadContext& context) {
  std::vector<TextPosition> positions;
  map.list("warninglists", guards.warninglists, file_path(), &positions);
  const auto check = [&](const std::string& path, TextPosition at) {
    if (!context.looks_at_files) {
      return;
    }
    if (const auto file = read_guard_file(context.resolved(path)); !file) {
      context.findings.warning(at, file.error().message);
    }
  };
  for (size_t i = 0; i < positions.size(); ++i) {
    check(guards.warninglists[i], positions[i]);
  }
  if (map.value("top_sites", guards.top_sites, any_text(4000)) && !guards.top_sites.empty()) {
    check(guards.top_sites, map.at("top_sites"));
  }
}

}  // namespace

void read_guards(MapReader& root, ReadContext& context) {
  GuardSettings& guards = context.settings.ioc.guards;
  MapReader map = root.section("guards");
  read_guard_paths(map, guards, context);
  read_entry_guards(map.section("entries"), guards.entries);
  const auto take = [&](std::string_view key, auto& out, int least, int most) {
    int number = 0;
    if (map.value(key, number, whole_number(least, most))) {
      out = static_cast<std::remove_reference_t<decltype(out)>>(number);
    }
  };
  take("top_sites_limit", guards.top_sites_limit, 0, 10'000'000);
  take("widest_ipv4", guards.widest_ipv4, 8, 32);
  take("widest_ipv6", guards.widest_ipv6, 19, 128);
  map.value("max_growth", guards.max_growth, percentage());
  map.value("max_shrink", guards.max_shrink, percentage());
  map.value("max_rejected", guards.max_rejected, percentage());
  map.finish();
}

void read_feeds(MapReader& root, ReadContext& context) {
  std::set<std::string> names;
  read_each(root, "feeds", context.findings, [&](MapReader& item) {
    FeedSettings feed;
    read_feed(item, feed, context);
    if (!feed.name.empty() && !names.insert(feed.name).second) {
      context.findings.error(item.at("name"), fmt::format("the feed '{}' is there already", feed.name));
    }
    context.settings.ioc.feeds.push_back(std::move(feed));
  });
}

void read_exceptions(MapReader& root, ReadContext& context) {
  IocSettings& ioc = context.settings.ioc;
  read_each(root, "exceptions", context.findings, [&](MapReader& item) {
    ExceptionSettings exception;
    read_exception(item, exception, context);
    ioc.exceptions.push_back(std::move(exception));
  });
  root.list("protect", ioc.protect, name_text());
}

}  // namespace cenote
