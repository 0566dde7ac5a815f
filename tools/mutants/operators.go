package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
)

// operator is a kind of change. survivors.txt names mutants by it.
type operator string

const (
	boundary   operator = "boundary"   // a limit is off by one
	comparison operator = "comparison" // a comparison is turned round
	logic      operator = "logic"      // and for or, or the other way round
	arithmetic operator = "arithmetic" // another sum, product, mask or step
	negation   operator = "negation"   // a condition is negated
	returned   operator = "result"     // another result is returned
	omission   operator = "omission"   // a statement is left out
)

var operators = []operator{boundary, comparison, logic, arithmetic, negation, returned, omission}

// edit puts text in the place of what is between two offsets of a file.
type edit struct {
	start, end int
	text       string
	operator   operator
}

// other says what each operator becomes, one mutant for each.
var other = map[token.Token][]string{
	token.LSS: {"<=", ">="}, token.LEQ: {"<", ">"}, token.GTR: {">=", "<="}, token.GEQ: {">", "<"},
	token.EQL: {"!="}, token.NEQ: {"=="},
	token.LAND: {"||"}, token.LOR: {"&&"},
	token.ADD: {"-"}, token.SUB: {"+"}, token.MUL: {"/"}, token.QUO: {"*"}, token.REM: {"*"},
	token.AND: {"|"}, token.OR: {"&"}, token.XOR: {"&"}, token.AND_NOT: {"&"}, token.SHL: {">>"}, token.SHR: {"<<"},
	token.INC: {"--"}, token.DEC: {"++"},
	token.ADD_ASSIGN: {"-="}, token.SUB_ASSIGN: {"+="}, token.MUL_ASSIGN: {"/="}, token.QUO_ASSIGN: {"*="},
	token.AND_ASSIGN: {"|="}, token.OR_ASSIGN: {"&="}, token.XOR_ASSIGN: {"&="}, token.AND_NOT_ASSIGN: {"|="},
	token.SHL_ASSIGN: {">>="}, token.SHR_ASSIGN: {"<<="},
}

// finder collects the edits that make the mutants of a function.
type finder struct {
	file  *token.File
	info  *types.Info
	edits []edit
}

func (f *finder) replace(kind operator, from, to token.Pos, text string) {
	f.edits = append(f.edits, edit{f.file.Offset(from), f.file.Offset(to), text, kind})
}

func (f *finder) another(at token.Pos, op token.Token) {
	kind := arithmetic
	switch op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		kind = comparison
	case token.LAND, token.LOR:
		kind = logic
	}
	for i, text := range other[op] {
		if kind == comparison && len(other[op]) == 2 && i == 0 {
			f.replace(boundary, at, at+token.Pos(len(op.String())), text)
		} else {
			f.replace(kind, at, at+token.Pos(len(op.String())), text)
		}
	}
}

func (f *finder) find(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.another(n.OpPos, n.Op)
		if n.Op == token.LAND || n.Op == token.LOR {
			f.negate(n.X)
			f.negate(n.Y)
		}
	case *ast.UnaryExpr:
		switch n.Op {
		case token.NOT:
			f.replace(negation, n.OpPos, n.OpPos+1, "")
		case token.SUB:
			f.replace(arithmetic, n.OpPos, n.OpPos+1, "")
		}
	case *ast.IncDecStmt:
		f.another(n.TokPos, n.Tok)
	case *ast.AssignStmt:
		f.another(n.TokPos, n.Tok)
	case *ast.IfStmt:
		f.negate(n.Cond)
	case *ast.ForStmt:
		f.negate(n.Cond)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					f.negate(e)
				}
			}
		}
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			f.negate(e)
			f.instead(e)
		}
	case *ast.BlockStmt:
		f.leaveOut(n.List)
	case *ast.CaseClause:
		f.leaveOut(n.Body)
	case *ast.CommClause:
		f.leaveOut(n.Body)
	}
	return true
}

// negate is for conditions that have no operator, so that another one cannot negate them.
func (f *finder) negate(e ast.Expr) {
	switch e.(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.CallExpr, *ast.IndexExpr:
		if is := f.info.Types[e]; is.Value == nil && isBasic(is.Type, types.IsBoolean) {
			f.replace(negation, e.Pos(), e.Pos(), "!")
		}
	}
}

// instead has a function return nothing in the place of something, and something in the place of nothing.
func (f *finder) instead(e ast.Expr) {
	is := f.info.Types[e]
	text := ""
	switch {
	case is.IsNil():
		return
	case is.Type == nil:
		return
	case isBasic(is.Type, types.IsBoolean):
		if is.Value == nil {
			return
		}
		text = "true"
		if constant.BoolVal(is.Value) {
			text = "false"
		}
	case isBasic(is.Type, types.IsNumeric):
		text = "0"
		if is.Value != nil && constant.Sign(is.Value) == 0 {
			text = "1"
		}
	case isBasic(is.Type, types.IsString):
		text = `""`
		if is.Value != nil && constant.StringVal(is.Value) == "" {
			text = `"other"`
		}
	default:
		switch is.Type.Underlying().(type) {
		case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature, *types.Interface:
			if _, parameter := is.Type.(*types.TypeParam); parameter {
				return
			}
			text = "nil"
		default:
			return
		}
	}
	f.replace(returned, e.Pos(), e.End(), text)
}

func isBasic(t types.Type, what types.BasicInfo) bool {
	if t == nil {
		return false
	}
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&what != 0
}

// leaveOut leaves out each statement that does not declare anything and does not hold other statements.
func (f *finder) leaveOut(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ReturnStmt:
			if len(s.Results) > 0 {
				continue
			}
		case *ast.BranchStmt:
			if s.Tok == token.FALLTHROUGH {
				continue
			}
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.DeferStmt, *ast.GoStmt:
		default:
			continue
		}
		f.replace(omission, s.Pos(), s.End(), "")
	}
}
