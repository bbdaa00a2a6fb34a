/*
 * cli_table: every command of kedge, in the order in which help lists them.
 * The man page and the completion follow this table.
 */
#include "ca/cli.h"
#include "ca/pace.h"

static const struct cli_option alg_options[] = {
	{ "alg", "ALG", "p256, p384, rsa3072 or rsa4096" },
	{ NULL, NULL, NULL },
};
static const struct cli_option root_add_options[] = {
	{ "alg", "ALG", "p256, p384, rsa3072 or rsa4096" },
	{ "days", "N", "validity of its certificate" },
	{ NULL, NULL, NULL },
};
static const struct cli_option root_set_options[] = {
	{ "roll-before", "DAYS",
	    "roll by itself so long before its end; 0: never" },
	{ "strategy", "NAME", "of that roll; default minimal" },
	{ NULL, NULL, NULL },
};
static const struct cli_option node_add_options[] = {
	{ "reach", "HOW", "direct, poll or push" },
	{ "via", "NODE,...", "next relays, best first" },
	{ "dual", NULL, "as client it can bridge two generations" },
	{ "shallow", "YES|NO", "as server it takes no intermediate" },
	{ "address", "HOST:PORT", "of its agent, for direct" },
	{ "names", "NAME,...", "further DNS:… or IP:… in its certificates" },
	{ NULL, NULL, NULL },
};
static const struct cli_option node_set_options[] = {
	{ "address", "HOST:PORT", "of its agent" },
	{ "shallow", "YES|NO", "as server it takes no intermediate" },
	{ "names", "NAME,...", "further DNS:… or IP:… in its certificates" },
	{ NULL, NULL, NULL },
};
static const struct cli_option node_rekey_options[] = {
	{ "root", "ROOT", "only under this root; default all that it has" },
	{ "cancel", NULL, "a rekey that was asked for is not wanted any more" },
	{ NULL, NULL, NULL },
};
static const struct cli_option node_token_options[] = {
	{ "seconds", "N", "how long it is good; at most 86400" },
	{ "out", "FILE", "new file for it, mode 0600" },
	{ NULL, NULL, NULL },
};
static const struct cli_option parcel_export_options[] = {
	{ "out", "FILE", "where they go; needed" },
	{ "again", NULL, "an answer to an earlier file counts no more" },
	{ NULL, NULL, NULL },
};
static const struct cli_option link_add_options[] = {
	{ "auth", "HOW", "mutual or server" },
	{ "root", "ROOT", "of both certificates" },
	{ "client-root", "ROOT", "of the client's certificate" },
	{ "server-root", "ROOT", "of the server's certificate" },
	{ "replace", NULL, "a link between the two that is there already" },
	{ NULL, NULL, NULL },
};
static const struct cli_option link_remove_options[] = {
	{ "reason", "TEXT", "for the audit; needed while its root rolls" },
	{ NULL, NULL, NULL },
};
static const struct cli_option topology_apply_options[] = {
	{ "dry-run", NULL, "show the difference, change nothing" },
	{ "allow-remove", NULL, "remove what the file does not name" },
	{ "reason", "TEXT", "as for kedge link remove" },
	{ "exit-code", NULL, "with --dry-run: exit 3 on a difference" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_start_options[] = {
	{ "strategy", "NAME",
	    "minimal, layered, sequential, merged, bundled or compact" },
	{ "max-in-flight", "N", "orders outstanding at once; 0: no bound" },
	{ "all", NULL, "every root of the links that can, with one word" },
	{ "first", "NODE,...", "these go first, and nothing else beside them" },
	{ "window", "WHEN", "orders start in it only; may be given again" },
	{ "step", NULL, "each order waits for kedge roll step" },
	{ "presume", "received",
	    "go on at reception; kedge plan shows the risk" },
	{ "compromised", NULL,
	    "the old key may be stolen: no pace, sessions are ended" },
	{ "deadline", "TIME",
	    "or so long from now, as 12h: then who is in --cut" },
	{ "cut", "NODE,...",
	    "and in the way is cut, if approved; nobody else" },
	{ "kicks", "N", "so many end their sessions at once; default a tenth" },
	{ "dry-run", NULL, "only say whether it could start" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_step_options[] = {
	{ "rest", NULL, "these and all that follow, without further words" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_status_options[] = {
	{ "watch", NULL, "follow every node until it is done" },
	{ "nodes", NULL, "show every node once" },
	{ "exit-code", NULL, "exit 4 while a roll is not done" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_report_options[] = {
	{ "roll", "N", "that one; default the root's last" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_abort_options[] = {
	{ "reason", "TEXT", "for the audit" },
	{ "after-finish", NULL, "past the point of no return, too" },
	{ "to-compromised", NULL, "to a key that may be stolen, too" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_word_options[] = {
	{ "reason", "TEXT", "for the audit" },
	{ NULL, NULL, NULL },
};
static const struct cli_option recover_status_options[] = {
	{ "exit-code", NULL, "exit 4 while one is under way" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_cuts_options[] = {
	{ "node", "NODE,...", "as if these were excused, too" },
	{ "deadline", "TIME", "nothing of it before then (RFC 3339)" },
	{ "back", NULL, "instead: that a stolen key may come back" },
	{ NULL, NULL, NULL },
};
static const struct cli_option roll_approve_options[] = {
	{ "hsmd", "SOCKET", "default /run/kedge-hsmd/hsm.sock" },
	{ "yes", NULL, "approve it; without this it is only shown" },
	{ "withdraw", NULL, "take your yes to it back, for good" },
	{ NULL, NULL, NULL },
};
static const struct cli_option graph_options[] = {
	{ "dot", NULL, "in the language of Graphviz (default)" },
	{ "svg", NULL, "as a picture" },
	{ "strategy", "NAME", "draw the orders of a roll of ROOT" },
	{ "topology", "FILE", "of this file, without kedged" },
	{ NULL, NULL, NULL },
};
static const struct cli_option audit_list_options[] = {
	{ "from", "N", "first record" },
	{ "limit", "N", "how many; default 100" },
	{ NULL, NULL, NULL },
};
static const struct cli_option audit_verify_options[] = {
	{ "store", "FILE", "of this store or copy, without kedged" },
	{ NULL, NULL, NULL },
};

static const struct cli_option plan_options[] = {
	{ "topology", "FILE", "plan for this file, without kedged" },
	{ "root", "NAME", "root that rolls; management: the CA's own" },
	{ "strategy", "NAME",
	    "minimal (default), layered, sequential, merged, bundled or "
	    "compact" },
	{ "presume", "received", "show what that option of roll start risks" },
	{ "exit-code", NULL, "exit 3 when the plan has orders" },
	{ "compare", NULL, "what each strategy costs, in a table" },
	{ "compromised", NULL,
	    "who would be cut at --deadline, before anything starts" },
	CA_PACE_OPTIONS,
	{ NULL, NULL, NULL },
};

static const struct cli_option simulate_options[] = {
	{ "topology", "FILE", "for this file, without kedged" },
	{ "strategy", "NAME", "of a roll that does not run yet" },
	{ "limit", "N", "failures in a row that stop it; default 5" },
	{ "max-in-flight", "N", "orders outstanding at once; 0: no bound" },
	{ "first", "NODE,...", "these go first" },
	{ "window", "WHEN", "orders start in it only; may be given again" },
	CA_PACE_OPTIONS,
	{ NULL, NULL, NULL },
};

static const struct cli_option verify_options[] = {
	{ "trust", "FILE", "trusted roots" },
	{ "untrusted", "FILE", "intermediates to choose from" },
	{ "purpose", "HOW", "server or client" },
	{ "name", "NAME",
	    "DNS:HOST, IP:ADDRESS or email:MAILBOX it must have" },
	{ "time", "RFC3339", "as of then; default now" },
	{ "max-depth", "N", "intermediates allowed; default 8" },
	{ "crl", "FILE", "revocation lists; each issuer needs one" },
	{ "profile", "NAME", "closed (default) or any" },
	{ NULL, NULL, NULL },
};

const struct cli_command cli_commands[] = {
	{ "plan",
	    "[--topology FILE] --root NAME [--strategy NAME | --compare] [options]",
	    "show the orders of a whole roll",
	    "Prints the update orders that move every node from the old generation\n"
	    "of a root to the new one, and what each order waits for: the effective\n"
	    "reports of the orders under \"after\". With --topology nobody is asked;\n"
	    "without it kedged says what the fleet is. Nothing is changed.\n"
	    "--compare shows what each strategy costs. Times are those of nodes that\n"
	    "need --work after a round trip per hop and a pause between polls; of the\n"
	    "fleet that kedged keeps, what its orders took before. With --compromised:\n"
	    "which nodes a roll of a stolen key would not reach by --deadline, and each\n"
	    "direction that would be cut then.\n",
	    plan_options, 0, 0, ca_cmd_plan },
	{ "simulate", "[--topology FILE] [options] ROOT",
	    "look ahead: when is a roll over, and who is in its way",
	    "Lets the engine that runs a roll go on by itself with a clock, on nodes\n"
	    "of the given pace. Of a root that rolls, it goes on from what is known\n"
	    "now; otherwise, and with --topology, from the beginning. Nothing is\n"
	    "changed. Exit 4 when it would not come to its end.\n",
	    simulate_options, 1, 1, ca_cmd_simulate },
	{ "init", "[--alg ALG]", "make the fleet's management root", NULL,
	    alg_options, 0, 0, ca_cmd_init },
	{ "root list", "", "list the roots", NULL, NULL, 0, 0,
	    ca_cmd_root_list },
	{ "root show", "ROOT", "show a root with its certificates", NULL, NULL,
	    1, 1, ca_cmd_root_show },
	{ "root add", "[--alg ALG] [--days N] ROOT", "make a root", NULL,
	    root_add_options, 1, 1, ca_cmd_root_add },
	{ "root set", "[--roll-before DAYS] [--strategy NAME] ROOT",
	    "let a root roll by itself before its end",
	    "kedged starts the roll so many days before the current generation ends,\n"
	    "after the same checks as kedge roll start; what is not ready is told in\n"
	    "the log and by kedge doctor, and tried again every hour. Default: off.\n",
	    root_set_options, 1, 1, ca_cmd_root_set },
	{ "node add", "--reach HOW [options] NODE", "add a node", NULL,
	    node_add_options, 1, 1, ca_cmd_node_add },
	{ "node list", "", "list the nodes", NULL, NULL, 0, 0,
	    ca_cmd_node_list },
	{ "node show", "NODE", "show a node, its roots and orders", NULL, NULL,
	    1, 1, ca_cmd_node_show },
	{ "node set", "[options] NODE", "change a node's address or names",
	    NULL, node_set_options, 1, 1, ca_cmd_node_set },
	{ "node remove", "NODE", "remove a node", NULL, NULL, 1, 1,
	    ca_cmd_node_remove },
	{ "node rekey", "[--root ROOT] [--cancel] NODE",
	    "let a node make new keys",
	    "The node makes a key of its own for each root under which it presents\n"
	    "something, and for its connection to the CA, and proves by the old key\n"
	    "that the new one is its own. The old key is in use until a certificate\n"
	    "for the new one is live and proven, and is erased then. It works in\n"
	    "the middle of a roll. kedge node show NODE follows it.\n",
	    node_rekey_options, 1, 1, ca_cmd_node_rekey },
	{ "node token", "[--seconds N] [--out FILE] NODE",
	    "make a one-time join token",
	    "It takes the place of one that was made before and not used.\n",
	    node_token_options, 1, 1, ca_cmd_node_token },
	{ "node join", "REQUEST ANSWER", "answer a join request by file", NULL,
	    NULL, 2, 2, ca_cmd_node_join },
	{ "parcel export", "--out FILE [--again] NODE",
	    "put a node's orders into a file, to be carried to it",
	    "Writes the open orders of the node, and acknowledgements that wait for\n"
	    "it, the same signed bytes that would go to it by the network. On the node\n"
	    "kedge-agentd takes the file and writes its answer into another. While the\n"
	    "answer to an earlier file may be on its way, the same orders are given\n"
	    "again as long as the node would take them, and then none, unless --again\n"
	    "says that nobody waits for that answer.\n",
	    parcel_export_options, 1, 1, ca_cmd_parcel_export },
	{ "parcel import", "FILE",
	    "take the reports that a node wrote to a file",
	    "What is in it is judged as if a neighbour had sent it. A file that is\n"
	    "damaged, too old or for somebody else is refused as a whole; so is one in\n"
	    "which nothing is news, because it was imported before.\n",
	    NULL, 1, 1, ca_cmd_parcel_import },
	{ "link add", "--auth HOW [options] CLIENT SERVER", "add a link", NULL,
	    link_add_options, 2, 2, ca_cmd_link_add },
	{ "link list", "", "list the links", NULL, NULL, 0, 0,
	    ca_cmd_link_list },
	{ "link remove", "[--reason TEXT] CLIENT SERVER", "remove a link",
	    "While a root of the link rolls, removing it takes the two nodes out\n"
	    "of the rules for each other, as an excuse does for a node: the reason\n"
	    "goes into the audit, and on record with kedge-hsmd.\n",
	    link_remove_options, 2, 2, ca_cmd_link_remove },
	{ "topology apply", "[options] FILE",
	    "show the difference to a topology file, then make it so", NULL,
	    topology_apply_options, 1, 1, ca_cmd_topology_apply },
	{ "topology show", "", "print the fleet as a topology file", NULL, NULL,
	    0, 0, ca_cmd_topology_show },
	{ "roll start", "[options] {ROOT | --all}",
	    "move a root to its next generation",
	    "With --all every root of the links that is ready starts its own roll, beside\n"
	    "the others; of the rest it says why not. Exit 1 when some did not start.\n"
	    "Each kind of step is done by the nodes of --first before any other node\n"
	    "gets it, except for those whom the first must wait for by the rules; after\n"
	    "a failure of theirs nothing else starts until kedge roll retry, or the next\n"
	    "try, works. WHEN is \"22:00-04:00\" or \"Mon-Fri 22:00-04:00\" or \"Sat,Sun\n"
	    "00:00-24:00\", in UTC; what has started goes on after it. --presume received\n"
	    "lets certificates rest on a trust that was received and not answered, if\n"
	    "kedge-hsmd is set up for it; a finish never does.\n"
	    "--compromised, also of a roll that runs: of these, --max-in-flight alone binds\n"
	    "it, nodes take the new root only if the old one has named its key, and with\n"
	    "its finish each node ends the sessions of its applications. From --deadline\n"
	    "on the nodes of --cut that do not answer, have failed or are held are cut.\n",
	    roll_start_options, 0, 1, ca_cmd_roll_start },
	{ "roll status", "[--watch | --nodes] [--exit-code] [ROOT]",
	    "say how far the rolls are and on whom they wait", NULL,
	    roll_status_options, 0, 1, ca_cmd_roll_status },
	{ "roll report", "[--roll N] ROOT", "tell what became of a roll",
	    "Every order with its times and its proof, and for each direction of each\n"
	    "link the last handshake known under the old root and the first under the\n"
	    "new one. Known are the probes of the two ends: handshakes of the\n"
	    "applications themselves, not the traffic of the link. Default: the last.\n",
	    roll_report_options, 1, 1, ca_cmd_roll_report },
	{ "roll pause", "ROOT", "start no further order", NULL, NULL, 1, 1,
	    ca_cmd_roll_pause },
	{ "roll resume", "ROOT", "go on after a pause", NULL, NULL, 1, 1,
	    ca_cmd_roll_resume },
	{ "roll step", "[--rest] ROOT",
	    "let the next orders go of a roll that was started with --step",
	    "Lets every order go that may start just now by the rules; then the roll\n"
	    "stops again. A failed order needs another word for its next try.\n",
	    roll_step_options, 1, 1, ca_cmd_roll_step },
	{ "roll retry", "ROOT NODE", "try a node again that is held", NULL,
	    NULL, 2, 2, ca_cmd_roll_retry },
	{ "roll abort",
	    "[--reason TEXT] [--after-finish] [--to-compromised] ROOT",
	    "bring every node back to the old generation",
	    "By the same rules as forward: nobody fails to authenticate. Until the\n"
	    "first finish is sent the old root is still everywhere; after it abort is\n"
	    "refused unless --after-finish says that those who have forgotten it shall\n"
	    "take it back by OldWithNew. To a root that was left as --compromised it goes\n"
	    "only with --to-compromised, and else exits 5. kedge roll start turns the roll\n"
	    "forward again.\n",
	    roll_abort_options, 1, 1, ca_cmd_roll_abort },
	{ "roll excuse", "--reason TEXT ROOT NODE",
	    "let the roll go on without a node",
	    "Takes the node's links out of the rules and says which of them suffer.\n",
	    roll_word_options, 2, 2, ca_cmd_roll_excuse },
	{ "roll cuts", "[--node NODE,... | --back] [--deadline TIME] ROOT",
	    "list each direction that excuses may cut",
	    "Of all excused nodes, those of --node, and links taken away meanwhile. With\n"
	    "--json it is the list that approvers say yes to, where kedge-hsmd has some.\n",
	    roll_cuts_options, 1, 1, ca_cmd_roll_cuts },
	{ "roll approve", "[--hsmd SOCKET] [--yes | --withdraw] FILE",
	    "as an approver, let kedge-hsmd cut what FILE lists",
	    "FILE is what kedge --json roll cuts ROOT printed; all of it is shown,\n"
	    "and with --yes approved. Only users that are approvers in hsmd.conf. Exit 4\n"
	    "without --yes, and while others must approve, too. --withdraw takes your yes\n"
	    "back, and with it those to all lists that share a direction: nothing more is\n"
	    "signed by them, what was signed stays so, and you do not approve the same lists\n"
	    "again.\n",
	    roll_approve_options, 1, 1, ca_cmd_roll_approve },
	{ "roll return", "[--reason TEXT] ROOT NODE",
	    "take an excused node back; it catches up", NULL, roll_word_options,
	    2, 2, ca_cmd_roll_return },
	{ "roll hold", "[--reason TEXT] ROOT NODE",
	    "give a node no further order", NULL, roll_word_options, 2, 2,
	    ca_cmd_roll_hold },
	{ "roll release", "[--reason TEXT] ROOT NODE",
	    "let a node on hold go on", NULL, roll_word_options, 2, 2,
	    ca_cmd_roll_release },
	{ "explain", "ROOT/NODE/STEP", "say why a step waits and on whom", NULL,
	    NULL, 1, 1, ca_cmd_explain },
	{ "graph", "[--dot | --svg] [--topology FILE] [--strategy NAME] [ROOT]",
	    "draw nodes and links, or the orders of a roll",
	    "Draws who talks to whom: clients to the left of their servers, with what\n"
	    "each node trusts and presents under ROOT; links that are not safe just\n"
	    "now in red. With --strategy it draws the orders of a whole roll of ROOT,\n"
	    "a column per round, and what each waits for.\n",
	    graph_options, 0, 1, ca_cmd_graph },
	{ "recover status", "[--exit-code]",
	    "say whether kedged recovers, and who is waited for",
	    "A store that is an old copy, put back from a backup, is found out by kedged\n"
	    "itself: it asks kedge-hsmd what was signed, and each node what it holds.\n"
	    "Until a node has answered, nothing starts that touches it.\n",
	    recover_status_options, 0, 0, ca_cmd_recover_status },
	{ "recover start", "--reason TEXT",
	    "begin a recovery though nothing shows an old copy",
	    "Believes nothing of what the store says of the nodes, and asks them all.\n"
	    "Everything that authenticates goes on.\n",
	    roll_word_options, 0, 0, ca_cmd_recover_start },
	{ "recover excuse", "--reason TEXT NODE",
	    "give up a node that does not say what it holds",
	    "Takes its links out of the rules under the roots under which it is waited\n"
	    "for, also when none of them rolls. kedge roll return takes it back.\n",
	    roll_word_options, 1, 1, ca_cmd_recover_excuse },
	{ "doctor", "", "one look over everything that can end in an outage",
	    "Ends of roots and certificates, silent, held and doubted nodes, clocks,\n"
	    "kedge-hsmd and its tokens, whether each root could roll, the store, the\n"
	    "disk, rights. Says of each finding why it matters and what to do. Exit 0\n"
	    "when there are notes at most, else 1.\n",
	    NULL, 0, 0, ca_cmd_doctor },
	{ "audit list", "[--from N] [--limit N]", "list the audit records",
	    NULL, audit_list_options, 0, 0, ca_cmd_audit_list },
	{ "audit verify", "[--store FILE]",
	    "check the audit records' hash chain", NULL, audit_verify_options,
	    0, 0, ca_cmd_audit_verify },
	{ "verify", "--trust FILE --purpose HOW [options] CERT",
	    "decide on a certificate as a node would",
	    "Runs the code by which a node decides, on files, without kedged. FILE\n"
	    "and CERT are PEM, or one certificate in DER; certificates behind the\n"
	    "first in CERT count as untrusted. Exit 0: accepted; 1: not, and why.\n"
	    "Profile any is RFC 5280; closed is what kedge itself issues.\n",
	    verify_options, 1, 1, ca_cmd_verify },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};
