; Edit distances of eight patterns at once to many texts: Myers' bit-vector algorithm in the blocks of Hyyro (2003),
; one pattern per lane. LLVM turns the vectors into what the machine has: AVX-512, AVX2, NEON.
;
; peq     [alphabet][words][8]  bit p of word w: the pattern has this character at place 64 w + p
; places  [words][8]            bit p of word w: the pattern has a place 64 w + p
; column  [words][2][8]         scratch: where the distance grows (positive) and falls (negative) down a column
; codes   [...]                 the texts' characters, as numbers below the alphabet's size, one text after the other
; starts  [texts + 1]           where each text begins in `codes`
; out     [last - first][8]     the distance of texts first .. last - 1 to every pattern

declare <8 x i64> @llvm.ctpop.v8i64(<8 x i64>)
declare <8 x i64> @llvm.fshl.v8i64(<8 x i64>, <8 x i64>, <8 x i64>)

define void @distances(ptr noalias %peq, ptr noalias %places, ptr noalias %column, ptr noalias %codes,
                       ptr noalias %starts, i64 %words, i64 %first, i64 %last, ptr noalias %out) {
entry:
  br label %text

text:
  %t = phi i64 [ %first, %entry ], [ %t.next, %sum.done ]
  %start.at = getelementptr i64, ptr %starts, i64 %t
  %end.at = getelementptr i64, ptr %start.at, i64 1
  %start = load i64, ptr %start.at
  %end = load i64, ptr %end.at
  br label %clear

clear:  ; the first column counts 0, 1, 2, ...: it grows everywhere
  %c = phi i64 [ 0, %text ], [ %c.next, %clear ]
  %c.positive = getelementptr [2 x <8 x i64>], ptr %column, i64 %c
  %c.negative = getelementptr <8 x i64>, ptr %c.positive, i64 1
  store <8 x i64> splat (i64 -1), ptr %c.positive
  store <8 x i64> zeroinitializer, ptr %c.negative
  %c.next = add i64 %c, 1
  %clear.more = icmp slt i64 %c.next, %words
  br i1 %clear.more, label %clear, label %cleared

cleared:
  %some = icmp slt i64 %start, %end
  br i1 %some, label %char, label %read

char:
  %i = phi i64 [ %start, %cleared ], [ %i.next, %char.done ]
  %code.at = getelementptr i32, ptr %codes, i64 %i
  %code = load i32, ptr %code.at
  %code.wide = zext i32 %code to i64
  %row = mul i64 %code.wide, %words
  br label %word

word:  ; takes over the top bits of the word above; the top row grows by one with each character
  %w = phi i64 [ 0, %char ], [ %w.next, %word ]
  %up.above = phi <8 x i64> [ splat (i64 -1), %char ], [ %up, %word ]
  %down.above = phi <8 x i64> [ zeroinitializer, %char ], [ %down, %word ]
  %eq.index = add i64 %row, %w
  %eq.at = getelementptr <8 x i64>, ptr %peq, i64 %eq.index
  %positive.at = getelementptr [2 x <8 x i64>], ptr %column, i64 %w
  %negative.at = getelementptr <8 x i64>, ptr %positive.at, i64 1
  %eq.here = load <8 x i64>, ptr %eq.at
  %positive = load <8 x i64>, ptr %positive.at
  %negative = load <8 x i64>, ptr %negative.at
  %vertical = or <8 x i64> %eq.here, %negative
  %fell = lshr <8 x i64> %down.above, splat (i64 63)
  %eq = or <8 x i64> %eq.here, %fell
  %run = and <8 x i64> %eq, %positive
  %carried = add <8 x i64> %run, %positive
  %changed = xor <8 x i64> %carried, %positive
  %horizontal = or <8 x i64> %changed, %eq
  %either = or <8 x i64> %horizontal, %positive
  %neither = xor <8 x i64> %either, splat (i64 -1)
  %up = or <8 x i64> %negative, %neither
  %down = and <8 x i64> %positive, %horizontal
  %up.in = call <8 x i64> @llvm.fshl.v8i64(<8 x i64> %up, <8 x i64> %up.above, <8 x i64> splat (i64 1))
  %down.in = call <8 x i64> @llvm.fshl.v8i64(<8 x i64> %down, <8 x i64> %down.above, <8 x i64> splat (i64 1))
  %any = or <8 x i64> %vertical, %up.in
  %none = xor <8 x i64> %any, splat (i64 -1)
  %positive.new = or <8 x i64> %down.in, %none
  %negative.new = and <8 x i64> %up.in, %vertical
  store <8 x i64> %positive.new, ptr %positive.at
  store <8 x i64> %negative.new, ptr %negative.at
  %w.next = add i64 %w, 1
  %word.more = icmp slt i64 %w.next, %words
  br i1 %word.more, label %word, label %char.done

char.done:
  %i.next = add i64 %i, 1
  %char.more = icmp slt i64 %i.next, %end
  br i1 %char.more, label %char, label %read

read:  ; down the last column, from the text's length in the top row
  %length = sub i64 %end, %start
  %length.one = insertelement <8 x i64> poison, i64 %length, i64 0
  %length.all = shufflevector <8 x i64> %length.one, <8 x i64> poison, <8 x i32> zeroinitializer
  br label %sum

sum:
  %s = phi i64 [ 0, %read ], [ %s.next, %sum ]
  %so.far = phi <8 x i64> [ %length.all, %read ], [ %distance, %sum ]
  %s.positive.at = getelementptr [2 x <8 x i64>], ptr %column, i64 %s
  %s.negative.at = getelementptr <8 x i64>, ptr %s.positive.at, i64 1
  %s.places.at = getelementptr <8 x i64>, ptr %places, i64 %s
  %s.positive = load <8 x i64>, ptr %s.positive.at
  %s.negative = load <8 x i64>, ptr %s.negative.at
  %s.places = load <8 x i64>, ptr %s.places.at
  %s.up = and <8 x i64> %s.positive, %s.places
  %s.down = and <8 x i64> %s.negative, %s.places
  %ups = call <8 x i64> @llvm.ctpop.v8i64(<8 x i64> %s.up)
  %downs = call <8 x i64> @llvm.ctpop.v8i64(<8 x i64> %s.down)
  %added = add <8 x i64> %so.far, %ups
  %distance = sub <8 x i64> %added, %downs
  %s.next = add i64 %s, 1
  %sum.more = icmp slt i64 %s.next, %words
  br i1 %sum.more, label %sum, label %sum.done

sum.done:
  %out.index = sub i64 %t, %first
  %out.at = getelementptr <8 x i64>, ptr %out, i64 %out.index
  store <8 x i64> %distance, ptr %out.at
  %t.next = add i64 %t, 1
  %text.more = icmp slt i64 %t.next, %last
  br i1 %text.more, label %text, label %done

done:
  ret void
}
