// The moving parts of ./dev bench dns; tests/bench/dns.py puts them together. Loopback only.
//
//   dns_bench echo PORT                     the floor: flips the QR bit
//   dns_bench upstream PORT [--ttl S]       answers any question of type A at once
//   dns_bench names COUNT SEED              names that look like real lists, one a line
//   dns_bench load HOST PORT FILE [--inflight N] [--sockets N] [--qps N] [--seconds S] [--edns]
//                  [--fresh FIRST]          asks FILE's names; one JSON object on standard output
#include <string_view>

#include "tests/bench/dns_load.h"
#include "tests/bench/dns_names.h"
#include "tests/bench/dns_servers.h"

namespace cenote::bench {
namespace {

constexpr const char* kUsage =
    "usage: dns_bench echo PORT | upstream PORT [--ttl S] | names COUNT SEED | load HOST PORT FILE "
    "[--inflight N]\n"
    "       [--sockets N] [--qps N] [--seconds S] [--edns] [--fresh FIRST]\n";

struct Arguments {
  std::vector<std::string> all;

  [[nodiscard]] const std::string& at(size_t i) const {
    if (i >= all.size()) {
      std::fputs(kUsage, stderr);
      std::exit(2);
    }
    return all[i];
  }
  [[nodiscard]] unsigned long number(size_t i) const { return std::strtoul(at(i).c_str(), nullptr, 10); }
  [[nodiscard]] uint16_t port(size_t i) const { return static_cast<uint16_t>(number(i)); }
  [[nodiscard]] bool has(std::string_view option) const {
    return std::find(all.begin(), all.end(), option) != all.end();
  }
  [[nodiscard]] double value(std::string_view option, double otherwise) const {
    const auto found = std::find(all.begin(), all.end(), option);
    return found == all.end()
               ? otherwise
               : std::strtod(at(static_cast<size_t>(found - all.begin()) + 1).c_str(), nullptr);
  }
};

LoadOptions load_options(const Arguments& arguments) {
  LoadOptions options;
  options.host = arguments.at(1);
  options.port = arguments.port(2);
  options.file = arguments.at(3);
  options.inflight = static_cast<unsigned>(arguments.value("--inflight", options.inflight));
  options.sockets = static_cast<unsigned>(std::max(arguments.value("--sockets", options.sockets), 1.0));
  options.qps = arguments.value("--qps", options.qps);
  options.seconds = arguments.value("--seconds", options.seconds);
  options.edns = arguments.has("--edns");
  options.fresh = arguments.has("--fresh");
  options.first_label = static_cast<uint32_t>(arguments.value("--fresh", 0));
  return options;
}

int run(const Arguments& arguments) {
  const std::string_view mode = arguments.at(0);
  if (mode == "echo") {
    run_echo(arguments.port(1));
  }
  if (mode == "upstream") {
    run_upstream(arguments.port(1), static_cast<uint32_t>(arguments.value("--ttl", 3600)));
  }
  if (mode == "names") {
    print_names(arguments.number(1), arguments.number(2));
    return 0;
  }
  if (mode == "load") {
    LoadResult result = run_load(load_options(arguments));
    print_result(result);
    return 0;
  }
  std::fputs(kUsage, stderr);
  return 2;
}

}  // namespace
}  // namespace cenote::bench

int main(int count, char** arguments) {
  return cenote::bench::run({{arguments + 1, arguments + count}});
}
