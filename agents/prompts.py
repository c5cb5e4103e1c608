"""Every sentence that a model reads.

The tags are the paper's (Appendix A), so that its LeaP-T models understand them; the sentences are ours. Lists are
alternatives: one is drawn per path and block from the run's seed, which keeps summaries from sounding alike.
"""

SUMMARIZE, SUMMARIZE_END = "<summarize>", "</summarize>"
COMMENT, COMMENT_END = "<comment>", "</comment>"

TASKS = {
    "math": "Solve the problem step by step. At the end, put the final answer, and nothing else, inside \\boxed{}.",
    "choice": "Decide which option is right, step by step. At the end, put its letter inside \\boxed{}.",
    "free": "Answer the question, step by step. End with a line that begins with 'Final answer:'.",
}

PEERS = (
    "Others work on the same question at the same time. Now and then you sum up your progress between "
    "<summarize> and </summarize>, and then read what some of them found between <comment> and </comment>. They can be "
    "wrong, and so can you: check what they say against your own work, keep what holds, and go on. Never write a "
    "<comment> yourself."
)

# The same with a worked example, for models that have not been trained on LeaP blocks (the paper, appendix A).
PEERS_EXAMPLE = (
    "Others work on the same question at the same time. Now and then you sum up your progress, and then read what some "
    "of them found. Check it against your own work, keep what holds, and go on. It looks like this:\n\n"
    "<summarize>\nIn short, what I have found so far is that 3 of the 8 cases give a solution, and that x = 2 is one."
    "\n</summarize>\n\n"
    '<comment>\nPeer 1: "x must be even, so only 4 of the cases are left."\n\n'
    'Peer 4: "I have finished. My answer is 5."\n</comment>\n\n'
    "Peer 1 is right: 2x + 6 is even, so x is. Peer 4 says 5, which is odd and cannot be. I go on with the even cases."
)
# What its thought then begins with.
PEERS_PREFILL = (
    "I am not alone with this problem: now and then I sum up where I stand between <summarize> and </summarize>, and "
    "read between <comment> and </comment> what others found. They can be wrong, so I check it before I use it. Now "
    "back to the problem.\n\n"
)

# The same for LeaP blocks that are turns of a conversation.
PEERS_TURNS = (
    "Others work on the same question at the same time. Now and then you are asked for your progress, and told what "
    "some of them have found. They can be wrong, and so can you."
)
TRIGGERS_TURNS = (
    "Stop here for a moment. In at most three sentences: what have you found so far, with the numbers?",
    "Before you go on, tell the others in at most three sentences what you have worked out, with the numbers.",
    "Sum up for the others in at most three sentences: the results that you have so far, with the numbers.",
)
BRIDGES_TURNS = (
    "Check this against your own work. Then solve the problem step by step, to the end.",
    "Where this differs from your result, one of you is wrong. Check, and then work out the whole solution.",
    "Keep what holds, leave what does not, and write the complete solution.",
)
COMMENT_TURNS = "This is what some of the others have found:"
NO_COMMENT_TURNS = "The others have nothing to say. Go on with your solution."

EXPERTISE = "What you bring to the group: {instructions}"

# The expertise of the ready-made team `experts`.
CODER = (
    "You check by computing. Whenever a step is algebra, arithmetic, counting or a search over cases, run a short "
    "program instead of trusting your head, print what you need, and tell the others what the output was."
)
SCEPTIC = (
    "You look for the other way. Solve it by a different method than the obvious one, try small and extreme cases, and "
    "when the others agree, look for the assumption that they share."
)

# What a path writes before it sums up, in the voice of a chain of thought and in that of an answer.
TRIGGERS_THINKING = (
    "Wait, before I go on I should write down where I stand.",
    "Let me stop here for a moment and note what I have.",
    "Okay, my peers will want to know what I have found so far.",
    "Hold on, I will sum up my progress before I continue.",
    "This is a good point to collect my thoughts.",
)
TRIGGERS_ANSWERING = (
    "Before I go on, here is where I stand.",
    "Here is what I have so far.",
    "I stop here to sum up my progress.",
    "My progress up to this point, in short:",
    "For the others, this is what I have found.",
)

# How a summary begins: a sentence that only a finding can end, not a plan.
TEMPLATES = (
    "In short, what I have found so far is that",
    "My result up to this point:",
    "What I have worked out so far, with the numbers:",
    "So far I have established that",
    "The steps that I am sure of, and what they give:",
)

# What marks a summary that the token limit has cut, for its writer and for its readers.
CUT_MARK = " ..."
SUMMARY_CUT = CUT_MARK + "\n"

PEER_LABEL = "Peer {number}"
PEER_LABEL_ABOUT = "{name} ({about})"
PERSON_LABEL = "A person who follows the work"

# What a path has checked its claims with, by tool, and what its code has shown; at most two are named.
EVIDENCE = {"python": "ran code", "web_search": "searched the web", "read_page": "read a page"}
EVIDENCE_OTHER = "used {tool}"
EVIDENCE_OUTPUT = "{did}: {output}"
MOST_EVIDENCE = 2

# What a path thinks after it has read its peers.
BRIDGES_THINKING = (
    "Hmm, these are my peers' findings. Let me check them against mine and then go on.",
    "So this is what some of my peers have. I should verify it before I use any of it.",
    "My peers have shared their progress. Which of it agrees with mine, and which of us is right where it does not?",
    "Let me see whether my peers' results hold, and whether they change mine.",
)
BRIDGES_ANSWERING = (
    "I check what my peers say against my own work and go on.",
    "Let me compare this with my own steps and continue.",
    "Where this differs from my result, one of us is wrong; I check and go on.",
)

# What follows the bridge: the last line of the path's own text, so that it goes on where it stood.
ANCHOR = "I was here:\n{line}"
# Where a chat model's answer goes, after a few hundred foreign tokens.
BOX_REMINDER = " The final answer goes into \\boxed{}."

# How a comment quotes a summary.
QUOTED = '{label}: "{text}"'

# A path that has nobody to hear from.
NO_COMMENT = "I go on from here."

# A model that writes `<comment>` is about to invent its peers. No tag here: another pair is one more to imitate.
INVENTED_COMMENT = "\n\nNo: nobody has written to me just now. I go on with my own reasoning.\n\n"

# The last word of a path that has used up its budget, or has ended without saying what its answer is.
OUT_OF_BUDGET = "\n\nI have to stop here and give the answer that my work supports best.\n"
ANSWERS = {
    "math": "\n\nFinal answer: \\boxed{",
    "choice": "\n\nFinal answer: \\boxed{",
    "free": "\n\nFinal answer:",
}

# What follows a path's answer where it is wanted as JSON, too; the engine lets it write what fits the schema only.
AS_JSON = "\n\nThe same answer as JSON that fits the schema {schema}:\n"

CONCLUSION = "I have finished. My answer is {answer}.\n{text}"
CONCLUSION_OPEN = "I have finished.\n{text}"
# How a solution ends, for a peer whose answer is made up: a study asks whether it is taken over.
SOLUTION_END = "The final answer is \\boxed{{{answer}}}."

# What a path of a later layer (MoA) or step (RSA, revisions) is asked.
SOLUTION = "Candidate solution {number}:"
AGGREGATE = (
    "{question}\n\nBelow are candidate solutions of this problem by others. Any of them can be wrong. Check them "
    "against each other and against your own work, keep what holds, and write one complete solution of your own."
    "\n\n{solutions}"
)
REVISE = (
    "{question}\n\nBelow is your own earlier solution of this problem. It can be wrong. Check every step, mend what "
    "does not hold, and write one complete solution.\n\n{solution}"
)

# What a judge is asked about one path at one LeaP block (the paper, section 5.1.3).
JUDGE = (
    "Several people work on one problem, each alone. At one point, one of them sums up where they stand, reads what "
    "some peers have found, and goes on. Say what reading did.\n\n"
    "consistent: they agreed with their peers before reading and agree after it.\n"
    "unaffected: they differed from their peers, and did not change their result or approach.\n"
    "influenced: they differed from their peers, and changed their result or approach towards them.\n\n"
    "[Their summary before]\n{summary}\n\n[What they read]\n{comment}\n\n[How they went on]\n{after}\n\n"
    'Answer with one line of JSON and nothing else: {{"type": "consistent", "unaffected" or "influenced", "reason": '
    '"at most 15 words"}}'
)
