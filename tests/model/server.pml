/*
 * server.pml: one server with plain clients and a dual one (FIG. 35, 43), for
 * spin: a second opinion that shares nothing with the
 * explorer. Run by spin.sh, once as it is and once with each fault:
 *   -DRECEIVED  the CA takes "received" for "effective"
 *   -DHASTY     the server forgets when its clients were told, not when done
 *   -DEAGER     a plain client presents when it is ready itself
 *
 * The network is the set of all messages ever sent: each may arrive at any
 * time, never or often. A node stores an order, then swaps its two files one
 * by one, each when it likes (it may crash in between, and what it stored is
 * what it goes on with), then reports. The CA has facts and nothing else, so
 * its crash is no event.
 */
#define PLAIN  2
#define NODES  (PLAIN + 2)
#define SERVER 0
#define DUAL   (NODES - 1)

/* orders of a node, which are also their epochs */
#define TRUST  1
#define CERT   2
#define FINISH 3

#define OLD 1
#define NEW 2

byte ordered[NODES];	/* highest epoch sent */
byte received[NODES];	/* highest epoch of which reception is reported */
byte effective[NODES];	/* highest epoch reported as effective */
byte facts[NODES];	/* highest epoch that the CA counts as confirmed */
byte stored[NODES], live_trust[NODES], live_chain[NODES];

inline set_of_trust(i, set) {
	if
	:: live_trust[i] == 0 -> set = OLD
	:: live_trust[i] == TRUST || live_trust[i] == CERT -> set = OLD | NEW
	:: live_trust[i] == FINISH -> set = NEW
	fi
}

inline set_of_chain(i, set) {
	if
	:: live_chain[i] < CERT -> set = OLD
	:: live_chain[i] == CERT && i == DUAL -> set = OLD | NEW
	:: live_chain[i] == FINISH || (live_chain[i] == CERT && i != DUAL) ->
		set = NEW
	fi
}

inline check() {
	byte c, shown, trusted;
	d_step {
		c = 1;
		do
		:: c < NODES ->
			set_of_chain(c, shown);
			set_of_trust(SERVER, trusted);
			assert((shown & trusted) != 0);
			set_of_chain(SERVER, shown);
			set_of_trust(c, trusted);
			assert((shown & trusted) != 0);
			c++
		:: else -> break
		od;
		c = 0; shown = 0; trusted = 0
	}
}

/* A higher epoch only, whichever of those sent arrives. */
#define ARRIVES(i, e) (ordered[i] >= (e) && stored[i] < (e))

proctype node(byte i) {
end:	do
	:: atomic { ARRIVES(i, TRUST) -> stored[i] = TRUST; received[i] = TRUST }
	:: atomic { ARRIVES(i, CERT) -> stored[i] = CERT; received[i] = CERT }
	:: atomic { ARRIVES(i, FINISH) ->
		stored[i] = FINISH; received[i] = FINISH }
	:: atomic { live_trust[i] != stored[i] ->
		live_trust[i] = stored[i]; check() }
	:: atomic { live_chain[i] != stored[i] ->
		live_chain[i] = stored[i]; check() }
	:: atomic { live_trust[i] == stored[i] && live_chain[i] == stored[i] &&
		effective[i] < stored[i] -> effective[i] = stored[i] }
	od
}

#define ALL_CLIENTS(x, e) (x[1] >= e && x[2] >= e && x[3] >= e)
#define IDLE(i, e) (ordered[i] == (e) - 1 && facts[i] == (e) - 1)
#define DONE (facts[0] == FINISH && ALL_CLIENTS(facts, FINISH))
#ifdef RECEIVED
#define REPORTED received
#else
#define REPORTED effective
#endif
#ifdef HASTY
#define PRESENTED ordered
#else
#define PRESENTED facts
#endif
#ifdef EAGER
#define SERVER_READY(i) true
#else
#define SERVER_READY(i) (i == DUAL || facts[SERVER] >= TRUST)
#endif

/* The CA's care for one node. */
proctype ca(byte i) {
	do
	:: facts[i] == FINISH -> break
	/* a report that belongs to the order that is outstanding */
	:: atomic { facts[i] < ordered[i] && REPORTED[i] == ordered[i] ->
		facts[i] = ordered[i] }
	:: atomic { IDLE(i, TRUST) -> ordered[i] = TRUST }
	:: atomic { IDLE(i, CERT) && i == SERVER && ALL_CLIENTS(facts, TRUST) ->
		ordered[i] = CERT }
	:: atomic { IDLE(i, CERT) && i != SERVER && SERVER_READY(i) ->
		ordered[i] = CERT }
	:: atomic { IDLE(i, FINISH) && i == SERVER &&
		ALL_CLIENTS(PRESENTED, CERT) -> ordered[i] = FINISH }
	:: atomic { IDLE(i, FINISH) && i != SERVER && facts[SERVER] >= CERT ->
		ordered[i] = FINISH }
	od
}

init {
	byte i;
	atomic {
		i = 0;
		do
		:: i < NODES -> run node(i); run ca(i); i++
		:: else -> break
		od
	}
}

/* Whoever can go on does in the end: then so does the roll. */
ltl ends { <> DONE }
