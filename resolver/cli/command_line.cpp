#include "resolver/cli/command_line.h"

#include <cstdlib>
#include <iostream>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "resolver/base/paths.h"
#include "resolver/base/text.h"
#include "resolver/cli/commands.h"
#include "resolver/cli/feed_check.h"
#include "resolver/cli/token.h"

namespace cenote {
namespace {

// Builds the tree of commands, and keeps what the arguments said until the chosen one runs.
class CommandLine {
 public:
  CommandLine(const Commands& commands, std::ostream& out, std::ostream& err, bool has_colours)
      : commands_(commands), out_(out), err_(err), output_(out, err, has_colours) {
    app_.require_subcommand(0, 1);  // run() says it better when there is none
    app_.set_version_flag("--version", CENOTE_VERSION);
    app_.footer("`cenote COMMAND --help` tells more. Exit codes: 0 done, 1 refused or not found, 2 usage.");
    add_server_commands();
    add_feed_commands();
    add_hold_commands();
    add_indicator_commands();
    add_exception_commands();
    add_looking_commands();
    add_token_commands();
  }

  int run(int argc, const char* const* argv) {
    if (const std::string unknown = unknown_command(argc, argv); !unknown.empty()) {
      output_.error(unknown);
      return 2;
    }
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error, out_, err_) == 0 ? 0 : 2;
    }
    if (!chosen_) {
      output_.error("a command is required; `cenote --help` lists them");
      return 2;
    }
    return chosen_();
  }

 private:
  // CLI11 says of a misspelt command that an argument was not expected; people want to hear which are there.
  std::string unknown_command(int argc, const char* const* argv) const {
    const CLI::App* app = &app_;
    std::string path = "cenote";
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
      if (commands.empty() || word.starts_with('-') ||
          !app->get_options([](const CLI::Option* option) { return option->get_positional(); }).empty()) {
        return {};
      }
      std::vector<std::string_view> names;
      const CLI::App* next = nullptr;
      for (const CLI::App* command : commands) {
        names.push_back(command->get_name());
        next = command->get_name() == word ? command : next;
      }
      if (next == nullptr) {
        const std::string_view meant = nearest(word, names);
        return fmt::format("there is no command '{} {}'{}; `{} --help` lists them", path, printable(word, 40),
                           meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant), path);
      }
      path += ' ' + word;
      app = next;
    }
    return {};
  }

  using Action = std::function<int(const CommandContext&)>;

  CLI::App* add(CLI::App* parent, const char* name, const char* does, const char* example) {
    CLI::App* command = parent->add_subcommand(name, does);
    command->footer(std::string("Example:\n  ") + example);
    return command;
  }
  void json_flag(CLI::App* command) { command->add_flag("--json", is_json_, "Print JSON"); }

  // A command that speaks to a running server.
  void asks(CLI::App* command, Action action) {
    json_flag(command);
    auto* socket = command->add_option("--socket", address_.socket, "The server's control socket");
    auto* url =
        command->add_option("--server", address_.url, "The server's control API, http(s)://HOST:PORT");
    socket->excludes(url);
    command->add_option("--token-file", address_.token_file, "File whose first line is the token")
        ->needs(url);
    command->add_option("--ca", address_.ca_file, "Whom its certificate must come from, PEM")->needs(url);
    command->add_option("--cert", address_.certificate, "Our own certificate, where it wants one, PEM")
        ->needs(url);
    command->add_option("--key", address_.key, "The key of --cert, PEM")->needs(url);
    command->callback([this, command, action = std::move(action)] {
      if (command->get_subcommands().empty()) {
        chosen_ = [this, action] { return with_server(action); };
      }
    });
  }
  int with_server(const Action& action) {
    if (address_.socket.empty()) {
      address_.socket = default_control_socket();
    }
    const auto api = commands_.connect(address_);
    if (!api) {
      output_.error(api.error().message);
      return 1;
    }
    return action({**api, output_, is_json_});
  }
  // A command that needs none.
  void does(CLI::App* command, std::function<int()> action) {
    command->callback([this, action = std::move(action)] { chosen_ = action; });
  }

  void add_server_commands() {
    CLI::App* serve =
        add(&app_, "serve", "Run the resolver, the block page and the control API in the foreground",
            "cenote serve --config /etc/cenote/cenote.yaml");
    serve->add_option("--config", config_,
                      "Configuration file; without one, the embedded configuration on 127.0.0.1:5300");
    does(serve, [this] { return commands_.serve(config_); });
    CLI::App* check = add(&app_, "check", "Validate a configuration: every problem with its file:line:column",
                          "cenote check --config /etc/cenote/cenote.yaml");
    check->add_option("--config", config_, "Configuration file")->required();
    json_flag(check);
    does(check, [this] { return commands_.check(config_, is_json_); });
  }

  void add_feed_commands() {
    CLI::App* feed = feed_ =
        app_.add_subcommand("feed", "Feeds: look, push, compare, release, go back")->require_subcommand(0, 1);
    CLI::App* check = add(feed, "check", "Tell what an importer makes of a file; offline",
                          "cenote feed check --format hosts --scope suffix hosts.txt");
    check->add_option("FILE", check_.file, "The file; - for standard input")->required();
    check->add_option("--format", check_.format, "plain, hosts, rpz, csv, stix, ...")->capture_default_str();
    check->add_option("--scope", check_.scope, "What a bare name means")
        ->check(CLI::IsMember({"exact", "suffix"}));
    check->add_option("--option", check_.options, "An option of the format, K=V")->allow_extra_args(false);
    check->add_flag("--list", check_.lists,
                    "Print only the accepted set, sorted: E exact, S name and below, "
                    "W below only, I address, A allowed");
    json_flag(check);
    does(check, [this] {
      check_.is_json = is_json_;
      return check_feed(output_, check_);
    });
    asks(add(feed, "list", "List the feeds with their size and health", "cenote feed list"), list_feeds);
    add_push(feed, "push", "Replace a feed's list by a file", "cenote feed push c2-intel new.txt", push_feed);
    add_push(
        feed, "diff",
        "Tell what a push would change, and change nothing; with two numbers, how two generations differ",
        "cenote feed diff c2-intel new.txt",
        [](const CommandContext& context, const PushArguments& arguments) {
          const bool are_numbers = parse_number(arguments.feed) && parse_number(arguments.file);
          return are_numbers ? diff_generations(context, arguments.feed, arguments.file)
                             : diff_feed(context, arguments);
        });
    CLI::App* refresh = add(feed, "refresh", "Fetch a feed now", "cenote feed refresh c2-intel");
    refresh->add_option("FEED", push_.feed, "The feed's name")->required();
    asks(refresh, [this](const CommandContext& context) { return refresh_feed(context, push_.feed); });
    CLI::App* back = add(feed, "rollback", "Put an earlier generation in force", "cenote feed rollback 41");
    back->add_option("GENERATION", generation_, "Its number; the one before by default");
    asks(back, [this](const CommandContext& context) { return roll_back(context, generation_); });
    asks(add(feed, "generations", "List the generations, newest first", "cenote feed generations"),
         list_generations);
    CLI::App* rejects = add(feed, "rejects", "List the lines of a feed that were not taken, and why",
                            "cenote feed rejects c2-intel");
    rejects->add_option("FEED", push_.feed, "The feed's name")->required();
    asks(rejects, [this](const CommandContext& context) { return list_rejects(context, push_.feed); });
  }

  void add_push(CLI::App* feed, const char* name, const char* does_what, const char* example,
                int (*action)(const CommandContext&, const PushArguments&)) {
    CLI::App* command = add(feed, name, does_what, example);
    command->add_option("FEED", push_.feed, "The feed's name")->required();
    command->add_option("FILE", push_.file, "The whole list; - for standard input")->required();
    command->add_option("--format", push_.format, "Its format; the feed's own by default");
    command->add_option("--idempotency-key", push_.idempotency_key,
                        "A repeat with the same key does nothing twice");
    asks(command, [this, action](const CommandContext& context) { return action(context, push_); });
  }

  void add_hold_commands() {
    CLI::App* held = add(feed_, "held", "List what a guard keeps back, and why", "cenote feed held c2-intel");
    held->add_option("FEED", hold_.feed, "Only of this feed");
    asks(held, [this](const CommandContext& context) { return list_held(context, hold_.feed); });
    add_decision("release", "Let what a guard keeps back act",
                 "cenote feed release c2-intel github.io --reason \"case 4711\"", release_held);
    add_decision("refuse", "Say no to what a guard keeps back, for good",
                 "cenote feed refuse c2-intel --change", refuse_held);
    CLI::App* promote = add(feed_, "promote", "End a feed's trial; shows what it would have blocked",
                            "cenote feed promote c2-intel --yes");
    promote->add_option("FEED", promote_.feed, "A feed with monitor_for")->required();
    promote->add_flag("--yes", promote_.is_sure, "Do it; without it, only show what it would have blocked");
    promote->add_flag("--force", promote_.force, "Even before its time");
    asks(promote, [this](const CommandContext& context) { return promote_feed(context, promote_); });
    CLI::App* audit =
        add(&app_, "audit", "Who changed what: the record of all changes", "cenote audit --limit 20");
    audit->add_option("--limit", limit_, "At most so many, the newest; 100 by default")
        ->check(CLI::Range(1, 10'000));
    asks(audit, [this](const CommandContext& context) { return show_audit(context, limit_); });
    CLI::App* verify = add(audit, "verify", "Check that no line of a record was changed; offline",
                           "cenote audit verify /var/lib/cenote/audit.jsonl");
    verify->add_option("FILE", name_, "The record: STATE_DIR/audit.jsonl")->required();
    json_flag(verify);
    does(verify, [this] { return verify_audit(output_, name_, is_json_); });
  }

  void add_decision(const char* name, const char* does_what, const char* example,
                    int (*action)(const CommandContext&, const HoldArguments&)) {
    CLI::App* command = add(feed_, name, does_what, example);
    command->add_option("FEED", hold_.feed, "The feed's name")->required();
    command->add_option("NAME", hold_.names, "Held names or addresses, as `feed held` shows them");
    command->add_flag("--all", hold_.all, "Every held entry of the feed");
    command->add_flag("--change", hold_.change, "The change that is held as a whole");
    command->add_option("--reason", hold_.reason, "Why; kept with the record of changes");
    asks(command, [this, action](const CommandContext& context) {
      if ((hold_.names.empty() ? 0 : 1) + (hold_.all ? 1 : 0) + (hold_.change ? 1 : 0) != 1) {
        context.output.error("say what is meant: NAMES, --all, or --change");
        return 2;
      }
      return action(context, hold_);
    });
  }

  void add_indicator_commands() {
    CLI::App* ioc =
        app_.add_subcommand("ioc", "Single indicators: add, remove, find")->require_subcommand(0, 1);
    CLI::App* add_one =
        add(ioc, "add", "Block one name or address",
            "cenote ioc add evil.test --feed soc --category c2 --reason \"case 4711\" --until 2027-03-31");
    add_one->add_option("NAME", indicator_.name, "The name, with everything below it; or an address")
        ->required();
    add_one->add_option("--feed", indicator_.feed, "The feed that it belongs to")->required();
    add_one->add_option("--category", indicator_.category,
                        "c2, malware, phishing, ...; the feed's by default");
    add_one->add_option("--reason", indicator_.reason, "Why; shown to people")->required();
    add_one->add_option("--until", indicator_.until, "When it ends: a date or time");
    add_one->add_flag("--exact", indicator_.is_exact, "This name only, nothing below it");
    add_one->add_flag("--force", indicator_.force, "Even what a guard would hold; needs the scope operate");
    asks(add_one, [this](const CommandContext& context) { return add_indicator(context, indicator_); });
    CLI::App* remove =
        add(ioc, "remove", "Take one indicator out of a feed", "cenote ioc remove evil.test --feed soc");
    remove->add_option("NAME", indicator_.name, "The name or address")->required();
    remove->add_option("--feed", indicator_.feed, "The feed")->required();
    asks(remove, [this](const CommandContext& context) {
      return remove_indicator(context, indicator_.name, indicator_.feed);
    });
    CLI::App* to_others =
        add(ioc, "export", "Print what is blocked, for a proxy, firewall, mail server or resolver",
            "cenote ioc export --format squid > blocked.acl");
    to_others
        ->add_option("--format", export_.format,
                     "rpz plain hosts adblock dnsmasq unbound squid nftables suricata zeek postfix")
        ->capture_default_str();
    to_others->add_option("--feed", export_.feed, "Only of this feed");
    to_others->add_option("--category", export_.category, "Only of this category");
    asks(to_others, [this](const CommandContext& context) { return export_indicators(context, export_); });
    CLI::App* find =
        add(ioc, "find", "Tell which feeds list a name or a name above it", "cenote ioc find www.evil.test");
    find->add_option("NAME", indicator_.name, "The name")->required();
    asks(find, [this](const CommandContext& context) { return find_indicator(context, indicator_.name); });
  }

  void add_exception_commands() {
    CLI::App* allow = add(&app_, "allow", "Except a name from blocking, for a while",
                          "cenote allow partner.example --for 7d --reason \"contract 4711\"");
    allow->add_option("NAME", allow_.name, "The name, with everything below it; or an address");
    allow->add_option("--for", allow_.duration, "For how long: 1h, 7d");
    allow->add_option("--until", allow_.until, "Until when: a date or time");
    auto* client = allow->add_option("--client", allow_.client,
                                     "Only for this address or block; for everybody by default");
    allow->add_option("--group", allow_.group, "Only for this group of clients")->excludes(client);
    allow->add_option("--reason", allow_.reason, "Why; required, and kept with it");
    allow->add_flag("--exact", allow_.is_exact, "This name only, nothing below it");
    asks(allow, [this](const CommandContext& context) {
      if (allow_.name.empty() || allow_.reason.empty()) {
        context.output.error("allow needs a NAME and a --reason; see cenote allow --help");
        return 2;
      }
      return allow_name(context, allow_);
    });
    asks(add(allow, "list", "List the exceptions", "cenote allow list"), list_exceptions);
    CLI::App* remove = add(allow, "remove", "End an exception", "cenote allow remove partner.example");
    remove->add_option("NAME", allow_.name, "The name")->required();
    asks(remove, [this](const CommandContext& context) { return remove_exception(context, allow_.name); });
  }

  void add_looking_commands() {
    CLI::App* explain = add(&app_, "explain", "Tell the verdict on a name, and the whole way to it",
                            "cenote explain www.evil.test --client 10.0.5.7");
    explain->add_option("NAME", name_, "The name")->required();
    explain->add_option("--client", client_, "Who asks; this machine by default");
    explain->add_option("--client-name", client_name_, "Its name, where its certificate or path says one");
    explain->add_flag("--by-certificate", has_certificate_, "It shows a certificate of tls.client_ca");
    explain->add_option("--type", type_, "The record type; A by default");
    asks(explain, [this](const CommandContext& context) {
      return explain_name(context, name_, {client_, client_name_, has_certificate_, type_});
    });
    CLI::App* hits = add(&app_, "hits", "List who hit what", "cenote hits --since 1h --client 10.0.5.0/24");
    hits->add_flag("--follow,-f", hits_.follows, "Go on with each new hit");
    hits->add_option("--client", hits_.client, "Only of this address or block");
    hits->add_option("--client-name", hits_.client_name,
                     "Only of clients of this name, or *.NAME: of names that end in it");
    hits->add_option("--name", hits_.name, "Only on this name and below it");
    hits->add_option("--since", hits_.since, "Only since: 1h (ago), or a time");
    hits->add_option("--limit", hits_.limit, "At most so many, the newest; 100 by default")
        ->check(CLI::Range(1, 10'000));
    asks(hits, [this](const CommandContext& context) { return show_hits(context, hits_); });
    CLI::App* why = add(&app_, "why", "Tell what an incident id stands for", "cenote why 7K4QW-9XM2D");
    why->add_option("INCIDENT", name_, "The id on the block page")->required();
    asks(why, [this](const CommandContext& context) { return show_incident(context, name_); });
    CLI::App* ready =
        add(&app_, "ready", "Tell whether clients may be sent here: exit code 0, else 1", "cenote ready");
    ready->add_flag("--fresh", wants_fresh_, "Only with every feed in time");
    asks(ready, [this](const CommandContext& context) { return show_readiness(context, wants_fresh_); });
    asks(add(&app_, "status", "Show the generation, the feeds' and upstreams' health, and the load",
             "cenote status"),
         show_status);
  }

  void add_token_commands() {
    CLI::App* token = app_.add_subcommand("token", "Tokens of the control API")->require_subcommand(0, 1);
    CLI::App* create =
        add(token, "create", "Make a token, and the lines for the server's tokens.yaml; offline",
            "cenote token create soc-push --scope read --scope push:c2-intel --expires 2027-03-31");
    create->add_option("NAME", token_.name, "Who will use it; kept with every change")->required();
    create
        ->add_option("--scope", token_.scopes,
                     "read, push:FEED, release:FEED (or *), operate or admin; may be repeated")
        ->required()
        ->allow_extra_args(false);
    create->add_option("--expires", token_.expires, "When it ends: a date or time; never by default");
    json_flag(create);
    does(create, [this] {
      token_.is_json = is_json_;
      return create_token(output_, token_);
    });
  }

  const Commands& commands_;
  std::ostream& out_;
  std::ostream& err_;
  Output output_;
  CLI::App app_{"Cenote: a DNS sinkhole resolver that blocks indicators of compromise and says why",
                "cenote"};
  std::function<int()> chosen_;
  std::string config_;
  ServerAddress address_;
  bool is_json_ = false;
  FeedCheckArguments check_;
  PushArguments push_;
  std::string generation_;
  IndicatorArguments indicator_;
  HoldArguments hold_;
  PromoteArguments promote_;
  ExportArguments export_;
  CLI::App* feed_ = nullptr;
  unsigned limit_ = 0;
  AllowArguments allow_;
  HitArguments hits_;
  TokenArguments token_;
  std::string name_;
  std::string client_;
  std::string client_name_;
  bool has_certificate_ = false;
  bool wants_fresh_ = false;
  std::string type_;
};

}  // namespace

int run_command_line(int argc, const char* const* argv, const Commands& commands, std::ostream& out,
                     std::ostream& err, bool has_colours) {
  return CommandLine(commands, out, err, has_colours).run(argc, argv);
}

int run_command_line(int argc, const char* const* argv, const Commands& commands) {
  // https://no-color.org: any value but the empty one.
  const char* no_colour =
      std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): nobody sets the environment
  const bool has_colours = isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
  return run_command_line(argc, argv, commands, std::cout, std::cerr, has_colours);
}

}  // namespace cenote
