#include "blockpage/wanted.h"

#include <array>
#include <optional>
#include <utility>

#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr size_t kMaxRanges = 32;  // of a list header; browsers send fewer than ten

// A qvalue in thousandths (RFC 9110 section 12.4.2); nullopt when malformed.
std::optional<int> parse_quality(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
      (text.size() > 1 && text[1] != '.')) {
    return std::nullopt;
  }
  int quality = (text[0] - '0') * 1000;
  int worth = 100;
  for (const char digit : text.substr(text.size() > 1 ? 2 : 1)) {
    if (digit < '0' || digit > '9') {
      return std::nullopt;
    }
    quality += (digit - '0') * worth;
    worth /= 10;
  }
  return quality <= 1000 ? std::optional(quality) : std::nullopt;
}

struct Range {
  std::string_view value;  // as written
  int quality = 1000;
};

// Calls `see` for each element of "a;q=0.5, b"; one with a malformed weight is left out.
template <typename See>
void for_each_range(std::string_view header, See see) {
  size_t count = 0;
  for (const std::string_view element : split(header, ',')) {
    if (++count > kMaxRanges) {
      return;
    }
    Range range;
    bool is_good = true;
    bool first = true;
    for (const std::string_view part : split(element, ';')) {
      const std::string_view text = trim(part);
      if (std::exchange(first, false)) {
        range.value = text;
      } else if (text.size() > 2 && (text[0] == 'q' || text[0] == 'Q') && text[1] == '=') {
        const auto quality = parse_quality(text.substr(2));
        is_good = quality.has_value();
        range.quality = quality.value_or(0);
      }
    }
    if (is_good && !range.value.empty()) {
      see(range);
    }
  }
}

// How well a language range fits a tag: the number of characters that agree, 0 for "*", -1 for not at all.
// "en-GB" also fits "en" (lookup, RFC 4647 section 3.4) and "en" also fits "en-gb" (filtering,
// section 3.3.1).
int fit(std::string_view range, std::string_view tag) noexcept {
  if (range == "*") {
    return 0;
  }
  const size_t common = std::min(range.size(), tag.size());
  const bool ends_on_subtag =
      (range.size() == common || range[common] == '-') && (tag.size() == common || tag[common] == '-');
  return ends_on_subtag && equal_ignoring_case(range.substr(0, common), tag.substr(0, common))
             ? static_cast<int>(common)
             : -1;
}

int quality_of(std::string_view accept, std::string_view type) {
  int quality = 0;
  for_each_range(accept, [&](const Range& range) {
    if (equal_ignoring_case(range.value, type)) {
      quality = range.quality;
    }
  });
  return quality;
}

// Without Fetch Metadata and without a wish a file's name is all there is to go by.
Wanted by_extension(std::string_view path) noexcept {
  using Row = std::pair<std::string_view, Wanted>;
  constexpr auto kTable = std::to_array<Row>({{".js", Wanted::kScript},
                                              {".mjs", Wanted::kScript},
                                              {".css", Wanted::kStyle},
                                              {".woff", Wanted::kFont},
                                              {".woff2", Wanted::kFont},
                                              {".json", Wanted::kJson},
                                              {".png", Wanted::kImage},
                                              {".gif", Wanted::kImage},
                                              {".jpg", Wanted::kImage},
                                              {".jpeg", Wanted::kImage},
                                              {".webp", Wanted::kImage},
                                              {".svg", Wanted::kImage},
                                              {".ico", Wanted::kImage}});
  for (const auto& [extension, wanted] : kTable) {
    if (path.size() > extension.size() &&
        equal_ignoring_case(path.substr(path.size() - extension.size()), extension)) {
      return wanted;
    }
  }
  return Wanted::kPage;
}

// Sec-Fetch-Dest says it outright, but browsers send it only over HTTPS.
std::optional<Wanted> by_destination(std::string_view destination) noexcept {
  using Row = std::pair<std::string_view, Wanted>;
  constexpr auto kTable = std::to_array<Row>({{"document", Wanted::kPage},
                                              {"iframe", Wanted::kPage},
                                              {"frame", Wanted::kPage},
                                              {"empty", Wanted::kJson},
                                              {"image", Wanted::kImage},
                                              {"script", Wanted::kScript},
                                              {"worker", Wanted::kScript},
                                              {"sharedworker", Wanted::kScript},
                                              {"serviceworker", Wanted::kScript},
                                              {"style", Wanted::kStyle},
                                              {"font", Wanted::kFont}});
  for (const auto& [name, wanted] : kTable) {
    if (destination == name) {
      return wanted;
    }
  }
  return destination.empty() ? std::nullopt : std::optional(Wanted::kNothing);
}

}  // namespace

Wanted what_is_wanted(const HttpRequest& request) {
  const std::string_view accept = request.header("accept");
  if (request.method == "OPTIONS") {
    return Wanted::kNothing;  // a CORS preflight: refused by saying nothing (W3C Fetch section 4.8)
  }
  if (request.path == "/favicon.ico") {
    return Wanted::kImage;
  }
  const bool wants_html = quality_of(accept, "text/html") > 0;
  if (quality_of(accept, "application/json") > quality_of(accept, "text/html") ||
      request.header("x-requested-with") == "XMLHttpRequest") {
    return Wanted::kJson;
  }
  if (const auto wanted = by_destination(request.header("sec-fetch-dest"))) {
    return *wanted;
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return wants_html ? Wanted::kPage : Wanted::kNothing;
  }
  if (wants_html) {
    return Wanted::kPage;
  }
  if (accept.starts_with("image/")) {
    return Wanted::kImage;
  }
  return accept.starts_with("text/css") ? Wanted::kStyle : by_extension(request.path);
}

size_t choose_language(std::string_view accept_language, std::span<const std::string> tags) {
  struct Score {
    int fit = -1;
    int quality = 0;
    size_t place = 0;  // in the header: of equal weight the earlier is meant more (RFC 9110 section 12.5.4)
  };
  std::vector<Score> scores(tags.size());
  size_t place = 0;
  for_each_range(accept_language, [&](const Range& range) {
    for (size_t i = 0; i < tags.size(); ++i) {
      const int better = fit(range.value, tags[i]);
      if (better > scores[i].fit) {
        scores[i] = {better, range.quality, place};
      }
    }
    ++place;
  });
  size_t best = 0;
  for (size_t i = 1; i < tags.size(); ++i) {
    const bool earlier = scores[i].quality == scores[best].quality && scores[i].place < scores[best].place;
    if (scores[i].quality > scores[best].quality || (scores[i].quality > 0 && earlier)) {
      best = i;
    }
  }
  return best;
}

}  // namespace cenote
