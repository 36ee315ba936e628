// Arguments -> configuration -> Daemon -> exit code.
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "conf/embedded.h"
#include "conf/load_yaml.h"
#include "resolver/base/descriptors.h"
#include "resolver/base/log.h"
#include "resolver/base/paths.h"
#include "resolver/cli/command_line.h"
#include "resolver/daemon.h"
#include "resolver/preflight.h"

namespace cenote {
namespace {

void print(std::FILE* to, const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) {
    std::fprintf(to, "%s\n", to_text(problem).c_str());
  }
}

LoadedSettings load(const std::string& config) {
  if (!config.empty()) {
    return load_settings(config);
  }
  auto embedded = embedded_settings(user_state_dir());
  if (!embedded) {
    LoadedSettings failed;
    failed.problems.push_back({"embedded configuration", 0, 0, embedded.error().message});
    return failed;
  }
  return std::move(*embedded);
}

std::string joined(const std::vector<SocketAddress>& addresses) {
  std::string text;
  for (const SocketAddress& address : addresses) {
    text += (text.empty() ? "" : ", ") + address.to_text();
  }
  return text;
}

// What a newcomer needs to see: where it listens, and what to try.
void greet(const Daemon& daemon, const std::string& config) {
  const Settings& settings = daemon.settings();
  std::printf("Cenote %s is running with %zu workers on %s.\n", CENOTE_VERSION, daemon.worker_count(),
              config.empty() ? "its embedded configuration" : config.c_str());
  const auto line = [](const char* what, const std::vector<SocketAddress>& at, const char* more) {
    if (!at.empty()) {
      std::printf("  %-11s %s%s\n", what, joined(at).c_str(), more);
    }
  };
  line("DNS", settings.listen.dns, " (UDP and TCP)");
  line("DNS on TLS", settings.listen.dot, "");
  line("DNS on HTTPS", settings.listen.doh, " (/dns-query)");
  line("page HTTP", settings.blockpage.http, "");
  if (daemon.authority() != nullptr) {
    line("page HTTPS", settings.blockpage.https, "");
    std::printf("  CA          %s  (import it, and the page comes over HTTPS without a warning)\n",
                daemon.authority()->certificate_file().c_str());
  }
  if (!settings.control.socket.empty()) {
    std::printf("  control     %s\n", settings.control.socket.c_str());
  }
  for (const Fault& fault : daemon.faults().all()) {
    std::printf("  %-11s %s: %s\n", fault.is_off ? "off" : "impaired",
                std::string(to_text(fault.part)).c_str(), fault.why.c_str());
  }
  if (config.empty() && !settings.listen.dns.empty() && !settings.blockpage.http.empty()) {
    const SocketAddress& dns = settings.listen.dns.front();
    const std::string at = fmt::format("@{} -p {}", dns.address().to_text(), dns.port());
    const std::string feed = settings.ioc.base_dir + "/feeds/sample.txt";
    std::printf(
        "Try, in another terminal:\n"
        "  dig %s example.com\n"
        "  dig %s c2.cenote.test\n"
        "  curl -H 'Host: c2.cenote.test' http://%s/\n"
        "  echo another.cenote.test >> %s\n"
        "  build/release/cenote status\n",
        at.c_str(), at.c_str(), joined({settings.blockpage.http.front()}).c_str(), feed.c_str());
  }
  std::fflush(stdout);
}

int run(const std::string& config) {
  raise_descriptor_limit();
  const LoadedSettings loaded = load(config);
  print(stderr, loaded.problems);
  if (!loaded.is_usable()) {
    return 1;
  }
  if (auto logging = start_log(loaded.settings.log); !logging) {
    std::fprintf(stderr, "cenote: %s\n", logging.error().message.c_str());
    return 1;
  }
  auto daemon = std::make_unique<Daemon>(loaded.settings, [config] { return load(config); });
  if (auto started = daemon->start(); !started) {
    std::fprintf(stderr, "cenote: %s\n", started.error().message.c_str());
    return 1;
  }
  greet(*daemon, config);
  const int code = daemon->run();
  // All is stopped and written. What is left is memory, a full cache for instance: the kernel takes it back
  // in no time, and the next process waits for this one to be gone.
#ifndef __SANITIZE_ADDRESS__  // which looks for what was not given back
  static_cast<void>(daemon.release());
#endif
  return code;
}

int serve(const std::string& config) {
  try {
    return run(config);
  } catch (const std::exception& error) {  // at the start: no memory, descriptor or thread is left
    std::fprintf(stderr, "cenote: %s\n", error.what());
    return 1;
  }
}

int check(const std::string& config, bool is_json) {
  (void)start_log({.level = "off"});  // what is found is printed below
  LoadedSettings loaded = load(config);
  if (loaded.is_usable()) {
    for (Problem& problem : look_at_files(loaded.settings, wall_now())) {
      loaded.problems.push_back(std::move(problem));
    }
  }
  if (is_json) {
    nlohmann::ordered_json report{{"usable", loaded.is_usable()},
                                  {"problems", nlohmann::ordered_json::array()}};
    for (const Problem& problem : loaded.problems) {
      report["problems"].push_back(
          {{"file", problem.file},
           {"line", problem.line},
           {"column", problem.column},
           {"severity", problem.severity == Problem::Severity::kError ? "error" : "warning"},
           {"text", problem.text}});
    }
    std::printf("%s\n", report.dump(2).c_str());
  } else {
    print(stdout, loaded.problems);
    if (loaded.is_usable()) {
      std::printf("%s: good\n", config.c_str());
    }
  }
  return loaded.is_usable() ? 0 : 1;
}

}  // namespace
}  // namespace cenote

int main(int argc, char** argv) {
  return cenote::run_command_line(argc, argv, {.serve = cenote::serve, .check = cenote::check});
}
