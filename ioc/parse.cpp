#include "ioc/parse.h"

#include <algorithm>
#include <array>

#include "ioc/formats/formats.h"
#include "ioc/recognise.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

struct FormatMaker {
  std::string_view name;
  std::unique_ptr<Stage> (*make)(Intake&);
};
constexpr std::array<FormatMaker, 19> kFormats{{{"plain", make_plain},
                                                {"wildcard", make_wildcard},
                                                {"hosts", make_hosts},
                                                {"adblock", make_adblock},
                                                {"dnsmasq", make_dnsmasq},
                                                {"unbound", make_unbound},
                                                {"bind", make_bind},
                                                {"dnscrypt", make_dnscrypt},
                                                {"rpz", make_rpz},
                                                {"csv", make_csv},
                                                {"url", make_url},
                                                {"defanged", make_defanged},
                                                {"maltrail", make_maltrail},
                                                {"stix", make_stix},
                                                {"misp", make_misp},
                                                {"taxii", make_stix},
                                                {"ip", make_ip},
                                                {"json", make_json},
                                                {"yaml", make_yaml}}};

const FormatMaker* find_format(std::string_view name) noexcept {
  const auto found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& f) { return f.name == name; });
  return found == kFormats.end() ? nullptr : &*found;
}

// Looks at the beginning of the text before any format does: refuses HTML, and settles "auto".
class Recogniser : public Stage {
 public:
  Recogniser(Intake& intake, const FormatMaker* format) : intake_(intake), format_(format) {}

  Result<void> feed(std::string_view bytes) override {
    if (reader_) {
      return reader_->feed(bytes);
    }
    head_ += bytes;
    const size_t wanted = format_ == nullptr ? kRecogniseBytes : kHtmlBytes;
    return head_.size() - blanks() < wanted ? Result<void>{} : settle();
  }

  Result<void> finish() override {
    if (!reader_) {
      if (auto ok = settle(); !ok) {
        return ok;
      }
    }
    return reader_->finish();
  }

  [[nodiscard]] std::string_view format() const noexcept { return format_ == nullptr ? "" : format_->name; }

 private:
  static constexpr size_t kHtmlBytes = 16;  // "<!doctype" and some

  // Blank lines in front decide nothing; a feed of only blanks must not fill the memory.
  size_t blanks() {
    const size_t first = std::min(head_.find_first_not_of(" \t\r\n"), head_.size());
    return first < kRecogniseBytes ? first : 0;
  }

  Result<void> settle() {
    if (looks_like_html(head_)) {
      return fail("html: the feed is a web page, not a list");
    }
    if (format_ == nullptr) {
      format_ = find_format(recognise_format(head_));
    }
    reader_ = format_->make(intake_);
    return reader_->feed(std::exchange(head_, {}));
  }

  Intake& intake_;
  const FormatMaker* format_;  // nullptr: not yet known
  std::string head_;
  std::unique_ptr<Stage> reader_;
};

class Pipeline : public FeedParser {
 public:
  Pipeline(const ParseOptions& options, FeedSink& sink)
      : options_(options), intake_(options_, sink), recogniser_(intake_, find_format(options.format)) {}

  Result<void> open() {
    auto decoder = make_decoder(recogniser_, options_.encoding);
    if (!decoder) {
      return decoder.error();
    }
    decoder_ = std::move(*decoder);
    inflater_ = make_inflater(*decoder_, options_.max_inflated);
    return {};
  }

  Result<void> feed(Bytes chunk) override {
    return chunk.empty() ? Result<void>{} : inflater_->feed(as_text(chunk));
  }
  Result<void> finish() override { return inflater_->finish(); }
  [[nodiscard]] std::string_view format() const noexcept override { return recogniser_.format(); }

 private:
  ParseOptions options_;
  Intake intake_;
  Recogniser recogniser_;
  std::unique_ptr<Stage> decoder_;
  std::unique_ptr<Stage> inflater_;
};

Result<bool> read_flag(const std::string& key, const std::string& value) {
  for (const std::string_view yes : {"true", "yes", "1"}) {
    if (value == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"false", "no", "0"}) {
    if (value == no) {
      return false;
    }
  }
  return fail("option {}: \"{}\" is neither yes nor no", key, value);
}

Result<void> read_scope(const std::string& value, ParseOptions& options) {
  options.scope = parse_scope(value);
  if (!options.scope || options.scope == Scope::kBelow) {
    return fail("option scope: \"{}\" is neither exact nor suffix", value);
  }
  return {};
}

Result<void> read_delimiter(const std::string& value, ParseOptions& options) {
  const std::string_view text = value == "tab" || value == "\\t" ? "\t" : std::string_view(value);
  if (text.size() != 1 || text[0] == '"' || text[0] == '\n') {
    return fail("option delimiter: \"{}\" is not one character or \"tab\"", value);
  }
  options.delimiter = text[0];
  return {};
}

Result<void> read_option(const std::string& key, const std::string& value, ParseOptions& options) {
  if (key == "scope") {
    return read_scope(value, options);
  }
  if (key == "delimiter") {
    return read_delimiter(value, options);
  }
  if (key == "header" || key == "all_ids") {
    const auto flag = read_flag(key, value);
    if (!flag) {
      return flag.error();
    }
    (key == "header" ? options.header.emplace() : options.all_ids) = *flag;
    return {};
  }
  if (key == "types") {
    for (const std::string_view type : split(value, ',')) {
      options.types.push_back(to_lower(trim(type)));
    }
    return {};
  }
  if (key == "origin" && !Name::from_text(value)) {
    return fail("option origin: \"{}\" is no name", value);
  }
  for (auto& [name, text] : {std::pair<std::string_view, std::string*>{"encoding", &options.encoding},
                             {"origin", &options.origin},
                             {"column", &options.column},
                             {"type_column", &options.type_column},
                             {"threat_column", &options.threat_column},
                             {"reference_column", &options.reference_column},
                             {"confidence_column", &options.confidence_column},
                             {"first_seen_column", &options.first_seen_column},
                             {"valid_until_column", &options.valid_until_column},
                             {"note_column", &options.note_column}}) {
    if (key == name) {
      *text = value;
      return {};
    }
  }
  const std::vector<std::string_view> known{"scope",
                                            "encoding",
                                            "origin",
                                            "column",
                                            "header",
                                            "delimiter",
                                            "type_column",
                                            "types",
                                            "all_ids",
                                            "threat_column",
                                            "reference_column",
                                            "confidence_column",
                                            "first_seen_column",
                                            "valid_until_column",
                                            "note_column"};
  const std::string_view meant = nearest(key, known);
  return meant.empty() ? fail("option {} is not known", key)
                       : fail("option {} is not known; {}?", key, meant);
}

}  // namespace

std::vector<std::string_view> format_names() {
  std::vector<std::string_view> names{"auto"};
  for (const FormatMaker& format : kFormats) {
    names.push_back(format.name);
  }
  return names;
}

Result<ParseOptions> read_parse_options(const std::string& format,
                                        const std::map<std::string, std::string>& options) {
  ParseOptions result;
  result.format = format;
  for (const auto& [key, value] : options) {
    if (auto ok = read_option(key, value, result); !ok) {
      return ok.error();
    }
  }
  return result;
}

Result<std::unique_ptr<FeedParser>> make_parser(const ParseOptions& options, FeedSink& sink) {
  if (options.format != "auto" && find_format(options.format) == nullptr) {
    const std::string_view meant = nearest(options.format, format_names());
    return meant.empty() ? fail("format \"{}\" is not known", options.format)
                         : fail("format \"{}\" is not known; {}?", options.format, meant);
  }
  auto pipeline = std::make_unique<Pipeline>(options, sink);
  if (auto ok = pipeline->open(); !ok) {
    return ok.error();
  }
  return std::unique_ptr<FeedParser>(std::move(pipeline));
}

Result<void> parse_feed(std::string_view body, const ParseOptions& options, FeedSink& sink) {
  auto parser = make_parser(options, sink);
  if (!parser) {
    return parser.error();
  }
  if (auto ok = (*parser)->feed(as_bytes(body)); !ok) {
    return ok;
  }
  return (*parser)->finish();
}

}  // namespace cenote
