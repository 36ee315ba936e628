#include "resolver/cli/feed_check.h"

#include <array>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "ioc/feed_report.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

using Json = nlohmann::ordered_json;

Result<void> read_through(std::istream& in, FeedParser& parser) {
  std::array<char, 64 * 1024> buffer;
  while (in.read(buffer.data(), buffer.size()) || in.gcount() > 0) {
    const Bytes chunk = as_bytes({buffer.data(), static_cast<size_t>(in.gcount())});
    if (auto fed = parser.feed(chunk); !fed) {
      return fed;
    }
  }
  if (in.bad()) {
    return fail("reading failed: {}", std::strerror(errno));
  }
  return parser.finish();
}

Json rows_of(const std::vector<FeedReportRow>& rows) {
  Json list = Json::array();
  for (const FeedReportRow& row : rows) {
    list.push_back({{"line", row.line}, {"reason", row.reason}, {"text", row.text}});
  }
  return list;
}

void show_json(Output& output, const FeedReport& report, std::string_view format) {
  const Json body{{"format", format},
                  {"accepted",
                   {{"rows", report.accepted_rows()},
                    {"names", report.names()},
                    {"addresses", report.addresses()},
                    {"allowed", report.allowed()}}},
                  {"rejected", report.rejected_rows()},
                  {"held", report.held_rows()},
                  {"rejects", rows_of(report.rejects())},
                  {"holds", rows_of(report.holds())}};
  output.raw(body.dump(2, ' ', true, Json::error_handler_t::replace) + "\n");
}

void show_text(Output& output, const FeedReport& report, const std::string& file, std::string_view format) {
  output.line({Cell(file, Colour::kBold), Cell(fmt::format("({})", format))});
  output.line({Cell(fmt::format("  accepted  {}, {}, {} allowed", counted(report.names(), "name", "names"),
                                counted(report.addresses(), "address", "addresses"), report.allowed()),
                    Colour::kGreen)});
  output.line({Cell(fmt::format("  held      {}", report.held_rows()),
                    report.held_rows() == 0 ? Colour::kNone : Colour::kYellow)});
  output.line({Cell(fmt::format("  rejected  {}", report.rejected_rows()),
                    report.rejected_rows() == 0 ? Colour::kNone : Colour::kRed)});
  std::vector<std::vector<Cell>> rows;
  for (const FeedReportRow& row : report.holds()) {
    rows.push_back({Cell::number(row.line), Cell("held", Colour::kYellow), row.reason, row.text});
  }
  for (const FeedReportRow& row : report.rejects()) {
    rows.push_back({Cell::number(row.line), Cell("rejected", Colour::kRed), row.reason, row.text});
  }
  if (!rows.empty()) {
    output.table({"LINE", "", "REASON", "TEXT"}, rows);
  }
}

Result<ParseOptions> options_of(const FeedCheckArguments& arguments) {
  std::map<std::string, std::string> options;
  for (const std::string& option : arguments.options) {
    const size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail("--option: '{}' is not K=V", printable(option, 60));
    }
    options[option.substr(0, equals)] = option.substr(equals + 1);
  }
  if (!arguments.scope.empty()) {
    options["scope"] = arguments.scope;
  }
  return read_parse_options(arguments.format, options);
}

}  // namespace

int check_feed(Output& output, const FeedCheckArguments& arguments) {
  const auto options = options_of(arguments);
  if (!options) {
    output.error(options.error().message);
    return 2;
  }
  FeedReport report;
  auto parser = make_parser(*options, report);
  if (!parser) {
    output.error(parser.error().message);
    return 2;
  }
  std::ifstream file;
  if (arguments.file != "-") {
    file.open(arguments.file, std::ios::binary);
    if (!file || (file.peek() == std::ifstream::traits_type::eof() && file.bad())) {
      output.error(fmt::format("cannot read {}: {}", printable(arguments.file), std::strerror(errno)));
      return 1;
    }
  }
  if (const auto read = read_through(arguments.file == "-" ? std::cin : file, **parser); !read) {
    output.error(fmt::format("{}: refused: {}", printable(arguments.file), read.error().message));
    return 1;
  }
  if (arguments.lists) {
    std::string text;
    for (const std::string& entry : report.list()) {
      text += entry + "\n";
    }
    output.raw(text);
  } else if (arguments.is_json) {
    show_json(output, report, (*parser)->format());
  } else {
    show_text(output, report, arguments.file, (*parser)->format());
  }
  return 0;
}

}  // namespace cenote
